"""How far our numbers are from a witness's: asserted by the parity tests, kept, and put into PARITY.md's table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

BEGIN, END = "<!-- parity -->", "<!-- /parity -->"
"""Where PARITY.md's table lies."""

VERSIONS: dict[str, str] = {}
"""What the witnesses say of themselves, noted when they are asked for numbers."""


@dataclass
class Agreement:
    """A metric beside a witness: what is asserted of every comparison, and the largest difference there was."""

    metric: str
    witness: str
    tolerance: float
    """The largest difference that is accepted; 0 accepts equal numbers only."""
    reason: str
    """Why it is what it is."""
    seen: dict[str, tuple[int, float]] = field(default_factory=dict)
    """Frames and the largest difference, by feature."""

    def check(self, ours: ArrayLike, theirs: ArrayLike, feature: str = "") -> None:
        """Compare one number of each frame; the frames of each feature are counted by themselves."""
        mine, others = (np.atleast_1d(np.asarray(side, np.float64)) for side in (ours, theirs))
        assert mine.shape == others.shape, f"{self.metric}: {mine.size} numbers beside {others.size}"
        with np.errstate(invalid="ignore"):  # of infinities, which may be equal
            apart = np.where(mine == others, 0.0, np.abs(mine - others))
        worst = int(np.argmax(apart)) if apart.size else 0
        largest = float(apart[worst]) if apart.size else 0.0
        self.saw(largest, feature, mine.size)
        assert largest <= self.tolerance, (
            f"{self.metric} {feature}: frame {worst} is {mine[worst]!r}, that of {self.witness} {others[worst]!r}; "
            f"{largest} apart, and {self.tolerance} is accepted"
        )

    def saw(self, difference: float, feature: str = "", frames: int = 1) -> None:
        """Keep a difference that something else asserts."""
        count, largest = self.seen.get(feature, (0, 0.0))
        self.seen[feature] = count + frames, max(largest, difference)

    @property
    def frames(self) -> int:
        """How many frames were compared; that of the feature that was compared most often."""
        return max((count for count, _ in self.seen.values()), default=0)

    @property
    def largest(self) -> float:
        """The largest difference of any feature."""
        return max((largest for _, largest in self.seen.values()), default=0.0)

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        accepted = _short(self.tolerance) if self.tolerance else "equal"
        return self.metric, self.witness, str(self.frames), _short(self.largest), accepted, self.reason


def _short(number: float) -> str:
    return f"{number:.1e}".replace(".0e", "e").replace("e-0", "e-") if number else "0"


HEAD = ("metric", "witness", "frames", "largest difference", "accepted", "why not less")


def as_text(rows: Iterable[Agreement]) -> list[str]:
    """The table for a terminal, without the reasons."""
    cells = [HEAD[:-1], *(row.cells[:-1] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]


def as_markdown(rows: Iterable[Agreement], versions: Mapping[str, str]) -> str:
    """The versions and the table for PARITY.md."""
    lines: Sequence[str] = [f"* {name}: {version}" for name, version in sorted(versions.items())]
    table = [HEAD, ("---", "---", "--:", "--:", "--:", "---"), *(row.cells for row in rows)]
    return "\n".join([*lines, "", *(f"| {' | '.join(cells)} |" for cells in table)]) + "\n"


def renewed(document: str, rows: Iterable[Agreement], versions: Mapping[str, str]) -> str:
    """PARITY.md with the table of this run."""
    head, _, rest = document.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{as_markdown(rows, versions)}{END}{tail}"
