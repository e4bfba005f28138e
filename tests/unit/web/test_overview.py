from __future__ import annotations

from dataclasses import replace

from monitor.protocols import RenditionRow
from monitor.web.overview import scored

RUNG = RenditionRow("news", "720p", "h264", 1280, 720, 25.0, 2e6, 0, 10_000, 2000, True, "")
REFERENCE = RenditionRow("news", "reference", "", 0, 0, 0.0, 0.0, 0, 0, 0, True, "")


def test_a_reference_that_works_has_no_card():
    assert scored([RUNG, REFERENCE]) == [RUNG]
    assert scored([RUNG, replace(REFERENCE, up=None)]) == [RUNG]


def test_a_reference_that_is_down_is_shown():
    down = replace(REFERENCE, up=False)
    assert scored([RUNG, down]) == [RUNG, down]


def test_a_stream_that_waits_for_its_first_segment_is_shown():
    waiting = replace(REFERENCE, rendition="720p")
    other = replace(RUNG, stream="sport")
    assert scored([waiting, other]) == [waiting, other]
