"""How benchmarks show what they measured: a table printed, and with ``--write`` put into BENCHMARKS.md."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

PAGE = Path(__file__).parents[2] / "BENCHMARKS.md"

Report = Callable[[str, str, Sequence[str], Sequence[Sequence[str]]], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write", action="store_true", help="put the tables into BENCHMARKS.md, where it has a place for them")
    parser.addoption("--rounds", type=int, default=1, help="runs of each side of a comparison of files; medians are shown")


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    """How often to run each side of what takes long."""
    return int(request.config.getoption("--rounds"))


@pytest.fixture
def report(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Report:
    """Shows a table: its name in BENCHMARKS.md, its title, its columns, its rows."""

    def show(name: str, title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        table = Table(title=title, title_justify="left")
        for column, text in enumerate(head):
            table.add_column(text, justify="right" if column else "left")
        for row in rows:
            table.add_row(*row)
        with capsys.disabled():
            Console(width=140).print(table)
        if request.config.getoption("--write"):
            put(name, [head, ["---", *["---:"] * (len(head) - 1)], *rows])

    return show


def put(name: str, lines: Sequence[Sequence[str]]) -> None:
    """Replace a table between its two comments in BENCHMARKS.md."""
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    text, count = re.subn(
        rf"(<!-- bench {name} -->\n\n).*?(\n\n<!-- end -->)", lambda of: of[1] + table + of[2], PAGE.read_text(), flags=re.S
    )
    assert count == 1, f"BENCHMARKS.md has no place for the table {name!r}"
    PAGE.write_text(text)
