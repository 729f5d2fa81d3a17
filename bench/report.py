"""How every benchmark reports: its tables as text, or one JSON document, with the machine named."""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from domain.values import Value


class Table(Value):
    """One table of results. Cells are numbers, words, or None where something was not measured."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    note: str = ""


def machine() -> dict[str, object]:
    """The machine a result belongs to: processor, cores, load, system, Python."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 2),
        "system": platform.system() + " " + platform.release(),
        "python": platform.python_version(),
    }


def arguments(description: str) -> argparse.ArgumentParser:
    """A parser with the two options every benchmark takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer repeats")
    return parser


def progress(text: str) -> None:
    """Says on standard error what is being measured."""
    print(text, file=sys.stderr, flush=True)


def publish(
    name: str, tables: Sequence[Table], *, as_json: bool, quick: bool, **more: object
) -> None:
    """Prints the results on standard output; `more` joins the JSON document."""
    here = machine()
    if as_json:
        document = {
            "bench": name,
            "machine": here,
            "quick": quick,
            **more,
            "tables": [_as_document(table) for table in tables],
        }
        print(json.dumps(document, ensure_ascii=False))
        return
    print(
        f"{name} on {here['processor']}, {here['cores']} cores (load {here['load_1min']}), Python {here['python']}"
    )
    for table in tables:
        print("\n" + _as_text(table))


def median_time(work: Callable[[], Any], *, repeats: int = 5) -> float:
    """The median of the wall times of `repeats` runs in seconds, after one that warms up."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


class Rate(NamedTuple):
    """How often a second something was done, by three clocks."""

    wall: float  # median of the repeats
    own: float  # median, by the processor time of this thread alone: what others do on the machine counts less
    best: float  # of the repeats, by the same


def rate(work: Callable[[], Any], count: int, *, repeats: int = 5) -> Rate:
    """How fast `work` does `count` things; of `repeats` runs after one that warms up."""
    work()
    spent = []
    for _ in range(repeats):
        start = time.perf_counter(), time.thread_time()
        work()
        spent.append((time.perf_counter() - start[0], time.thread_time() - start[1]))
    walls, owns = zip(*spent, strict=True)
    return Rate(
        count / statistics.median(walls), count / statistics.median(owns), count / min(owns)
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _as_document(table: Table) -> dict[str, object]:
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return {"title": table.title, "note": table.note, "rows": rows}


def _as_text(table: Table) -> str:
    cells = [table.columns, *([_cell(value) for value in row] for row in table.rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(table.columns))]
    lines = [
        "  ".join(
            text.ljust(w) if i == 0 else text.rjust(w)
            for i, (text, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([table.title, *lines, *([table.note] if table.note else [])])


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
