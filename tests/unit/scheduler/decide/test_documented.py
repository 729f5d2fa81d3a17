import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[4]
SOURCES = ("decide/guards.py", "decide/eligible.py", "decide/choose.py", "engine.py")


def codes(source: Path) -> Iterator[str]:
    """Every code a reason is made with: `code="…"`, or the first word of the triple that a rule on an offer returns."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.keyword) and node.arg == "code":
            found: ast.AST | None = node.value
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            found = node.value.elts[0]
        else:
            continue
        if isinstance(found, ast.Constant) and isinstance(found.value, str):
            yield found.value


def test_every_code_of_a_reason_is_documented() -> None:
    text = (ROOT / "docs/deciding.md").read_text()
    known = {code for name in SOURCES for code in codes(ROOT / "scheduler" / name)}
    assert len(known) > 30
    assert {code for code in known if f"`{code}`" not in text} == set()
