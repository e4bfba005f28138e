"""What PARITY.md says is what the parity tests assert, and they assert it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from monitor.protocols import Reference
from monitor.scorers import specs
from tests.parity.agreement import BEGIN, END, Agreement, as_text, renewed
from tests.parity.agreements import ROWS

DOCUMENT = (Path(__file__).resolve().parents[2] / "PARITY.md").read_text(encoding="utf-8")


def table_of(document: str) -> Iterator[list[str]]:
    for line in document.partition(BEGIN)[2].partition(END)[0].splitlines():
        if line.startswith("| "):
            yield line.strip("| ").split(" | ")


def test_the_document_has_the_rows_that_are_asserted():
    _, _, *written = table_of(DOCUMENT)
    asserted = [[row.metric, row.witness, *row.cells[4:]] for row in ROWS]
    assert [[*cells[:2], *cells[4:]] for cells in written] == asserted, "run `make parity`"
    for _, _, frames, largest, accepted, _ in written:
        assert int(frames) > 0
        assert float(largest) <= (0.0 if accepted == "equal" else float(accepted))


def test_every_metric_with_a_reference_has_a_row():
    named = set(re.findall(r"\w+", " ".join(row.metric for row in ROWS)))
    assert {spec.name for spec in specs() if spec.reference is Reference.FULL} <= named


def test_differences_are_kept_and_asserted():
    near = Agreement("vmaf", "libvmaf", 0.01, "six decimals")
    near.check([90.0, 80.005], [90.001, 80.0], "one")
    near.check(np.float32(3), 3, "other")
    assert (near.frames, near.largest) == (2, pytest.approx(0.005))
    with pytest.raises(AssertionError, match=r"vmaf one: frame 1 is .*80\.02.*, that of libvmaf .*80\.0"):
        near.check([90.0, 80.02], [90.0, 80.0], "one")
    with pytest.raises(AssertionError, match="1 numbers beside 2"):
        near.check([90.0], [90.0, 80.0])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1.0000001])
def test_only_equal_numbers_are_equal(value: float):
    equal = Agreement("vif", "libvmaf", 0, "integers")
    equal.check([float("inf"), -1.5], [float("inf"), -1.5])
    assert equal.largest == 0
    with pytest.raises(AssertionError):
        equal.check(value, 1.0)


def test_the_table_is_renewed_between_its_marks():
    row = Agreement("vif", "libvmaf", 6e-7, "six decimals")
    row.check([0.25, 0.5], [0.25, 0.5 + 2.5e-7])
    found = renewed(f"before\n{BEGIN}\nold\n{END}\nafter\n", [row], {"libvmaf": "3.2"})
    assert found.startswith(f"before\n{BEGIN}\n* libvmaf: 3.2\n\n| metric | ")
    assert found.endswith(f"| vif | libvmaf | 2 | 2.5e-7 | 6e-7 | six decimals |\n{END}\nafter\n")
    assert as_text([row])[1].split() == ["vif", "libvmaf", "2", "2.5e-7", "6e-7"]
