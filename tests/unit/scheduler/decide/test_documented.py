import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[4]
SOURCES = ("decide/guards.py", "decide/eligible.py", "decide/choose.py", "drafts.py")
MAKERS = ("reason", "Lack", "_because")


def codes(source: Path) -> Iterator[str]:
    """Every code a reason is made with: the first word of `reason`, of `Lack`, or of what makes one of a score."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Call) and node.args and _name(node.func) in MAKERS:
            found = node.args[0]
            if isinstance(found, ast.Constant) and isinstance(found.value, str):
                yield found.value


def _name(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def known() -> set[str]:
    """The codes of all reasons that are made."""
    return {code for name in SOURCES for code in codes(ROOT / "scheduler" / name)}


def test_every_code_of_a_reason_is_documented() -> None:
    text = (ROOT / "docs/deciding.md").read_text()
    assert len(known()) > 30
    assert {code for code in known() if f"`{code}`" not in text} == set()
