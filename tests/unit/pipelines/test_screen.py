"""The terminal of ``vqmon watch``."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from rich.console import Console

from monitor.types import (
    Alert,
    AlertState,
    EventKind,
    Segment,
    SegmentResult,
    SegmentScore,
    Severity,
    SourceEvent,
    VideoFormat,
)
from pipelines.screen import WatchScreen

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def console(*, terminal: bool = False, width: int = 160) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=width, color_system=None, highlight=False)


def text(screen_console: Console) -> str:
    return screen_console.file.getvalue()


def alert(state: AlertState = AlertState.FIRING, **changes: object) -> Alert:
    ended = NOON + timedelta(minutes=2) if state is AlertState.RESOLVED else None
    one = Alert(
        "BlackPicture", state, Severity.CRITICAL, "channel", "720p", "black_ratio", NOON, ended, 1.0, 0.98, "it is black"
    )
    return replace(one, **changes)


def event(kind: EventKind, detail: str = "", rendition: str = "720p") -> SourceEvent:
    return SourceEvent(kind, "channel", rendition, NOON, detail)


def result(stream: str = "channel", rendition: str = "720p", **pools: float) -> SegmentResult:
    facts = Segment(
        stream, rendition, 7, NOON, Fraction(4), bytes=1_500_000, format=VideoFormat(1280, 720, "yuv420p"), codec="h264"
    )
    scores = tuple(SegmentScore(facts, name, f"{name}/1", 8, 0.1, *([value] * 9)) for name, value in pools.items())
    return SegmentResult(facts, scores)


def table(screen: WatchScreen) -> list[str]:
    shown = console()
    shown.print(screen._render())
    return [line.rstrip() for line in text(shown).splitlines()]


# ---- lines


def test_an_alert_is_one_line_with_its_pictures() -> None:
    out = console()
    WatchScreen(out).alert(alert(evidence=("abc-1/frame.jpg", "abc-1/segment.json")))
    assert text(out).splitlines() == [
        "12:00:00 FIRING    critical BlackPicture channel/720p: it is black",
        "         evidence: abc-1/frame.jpg",
    ]


def test_its_end_is_one_line_with_the_time_of_the_end() -> None:
    out = console()
    WatchScreen(out).alert(alert(AlertState.RESOLVED, evidence=("abc-1/frame.jpg",)))
    assert text(out) == "12:02:00 resolved  critical BlackPicture channel/720p: it is black\n"


@pytest.mark.parametrize(
    ("stream", "rendition", "where"),
    [("channel", "", " channel: "), ("", "", " monitor: "), ("channel", "720p", " channel/720p: ")],
)
def test_an_alert_says_whom_it_is_about(stream: str, rendition: str, where: str) -> None:
    out = console()
    WatchScreen(out).alert(alert(stream=stream, rendition=rendition))
    assert where in text(out)


def test_lines_are_not_wrapped_for_who_reads_them_from_a_file() -> None:
    out = console(width=40)
    screen = WatchScreen(out)
    screen.alert(alert(summary="it is black " * 20))
    screen.event(event(EventKind.DOWN, "connection refused " * 20))
    screen.listening("http://127.0.0.1:8080/" + 80 * "x")
    assert len(text(out).splitlines()) == 3


def test_brackets_of_others_are_no_markup() -> None:
    out = console()
    screen = WatchScreen(out)
    screen.alert(alert(stream="[red]tv", summary="[bold]x[/bold]"))
    screen.event(SourceEvent(EventKind.DOWN, "[red]tv", "[1]", NOON, "http://[::1]:80/[x] is away"))
    screen.listening("http://[::1]:8080/")
    screen.result(result("[red]tv", "[1]"))
    printed = text(out)
    for kept in (
        "[red]tv/720p: [bold]x[/bold]",
        "[red]tv/[1]: down http://[::1]:80/[x] is away",
        "dashboard: http://[::1]:8080/  metrics: http://[::1]:8080/metrics",
    ):
        assert kept in printed
    assert table(screen)[1].split()[:2] == ["[red]tv", "[1]"]


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        (EventKind.DOWN, True),
        (EventKind.SEGMENT_MISSING, True),
        (EventKind.FORMAT_CHANGED, True),
        (EventKind.REFERENCE_LOST, True),
        (EventKind.ENDED, True),
        (EventKind.MANIFEST_CHANGED, False),
        (EventKind.DECODE_ERROR, False),
        (EventKind.RECONNECT, False),
    ],
)
def test_events_that_a_person_wants_to_see(kind: EventKind, shown: bool) -> None:
    out = console()
    WatchScreen(out).event(event(kind, "because"))
    expected = f"12:00:00 channel/720p: {kind.replace('_', ' ')} because\n"
    assert text(out) == (expected if shown else "")


def test_events_of_a_whole_stream_name_it_alone() -> None:
    out = console()
    WatchScreen(out).event(event(EventKind.DOWN, "404", rendition=""))
    assert text(out) == "12:00:00 channel: down 404\n"


def test_quiet_leaves_the_alerts() -> None:
    out = console(terminal=True)
    with WatchScreen(out, quiet=True) as screen:
        screen.event(event(EventKind.DOWN, "404"))
        screen.result(result(black_ratio=1.0))
        screen.alert(alert())
    assert len(text(out).splitlines()) == 1
    assert "BlackPicture" in text(out)


# ---- the table


def test_the_table_has_a_row_for_each_rendition_and_a_column_for_what_is_scored() -> None:
    screen = WatchScreen(console())
    assert "starting" in table(screen)[0]
    screen.result(result(rendition="720p", psnr_y=38.123, blur=900.0))
    screen.result(result(rendition="1080p", blur=1234.5))
    headings, first, second = table(screen)
    assert headings.split("  ")[0] == "stream"
    assert "PSNR" in headings.split()
    assert "black" not in headings.split()
    assert first.split()[:4] == ["channel", "1080p", "1280x720", "3000"]
    assert second.split()[:4] == ["channel", "720p", "1280x720", "3000"]
    assert "38.1" in second.split()
    assert "1234" in first  # its mean has four digits
    assert (first.split()[-1], second.split()[-1]) == ("ok", "ok")


def test_a_narrow_terminal_keeps_the_scores_that_matter_most_whole() -> None:
    everything = {"psnr_y": 38.1, "ssim": 0.9512, "black_ratio": 0.021, "frozen": 0.0, "blockiness": 0.3, "blur": 1234.0}
    for width, kept in ((80, ["PSNR", "SSIM"]), (120, ["PSNR", "SSIM", "black", "frozen", "block", "blur"])):
        shown = console(width=width)
        screen = WatchScreen(shown)
        screen.result(result("a-stream-with-a-long-name", **everything))
        screen.alert(alert(stream="a-stream-with-a-long-name"))
        shown.print(screen._render())
        headings, row = text(shown).splitlines()[-2:]
        assert headings.split()[6:-1] == kept
        assert "…" not in row.replace("a-stream-with-a…", "")
        assert "0.951" in row


def test_a_reference_that_works_has_no_row() -> None:
    screen = WatchScreen(console())
    screen.event(event(EventKind.UP, rendition="reference"))
    screen.result(result(blur=900.0))
    assert [row.split()[1] for row in table(screen)[1:]] == ["720p"]
    screen.event(event(EventKind.DOWN, "404", rendition="reference"))
    assert [row.split()[1] for row in table(screen)[1:]] == ["720p", "reference"]


def test_the_newest_segment_replaces_the_one_before() -> None:
    screen = WatchScreen(console())
    screen.result(result(blur=900.0))
    screen.result(result(blur=100.0))
    assert len(table(screen)) == 2
    assert "900" not in table(screen)[1]


def test_the_state_is_down_until_it_is_up() -> None:
    screen = WatchScreen(console())
    screen.event(event(EventKind.DOWN, "404"))
    assert table(screen)[1].split() == ["channel", "720p", "waiting", "down"]
    screen.event(event(EventKind.UP))
    assert table(screen)[1].split() == ["channel", "720p", "waiting"]
    screen.result(result(blur=900.0))
    assert table(screen)[1].split()[-1] == "ok"


def test_alerts_stand_in_the_rows_they_are_about() -> None:
    screen = WatchScreen(console())
    for rendition in ("1080p", "720p"):
        screen.result(result(rendition=rendition, blur=900.0))
    screen.alert(alert())
    screen.alert(alert(name="StreamDown", rendition="", feature=""))
    high, low = table(screen)[1:]
    assert high.endswith("StreamDown")
    assert low.endswith("BlackPicture, StreamDown")
    screen.alert(alert(AlertState.RESOLVED))
    screen.alert(alert(AlertState.RESOLVED, name="StreamDown", rendition="", feature=""))
    assert [row.split()[-1] for row in table(screen)[1:]] == ["ok", "ok"]


def test_one_alert_resolved_leaves_its_namesake() -> None:
    screen = WatchScreen(console())
    screen.result(result(blur=900.0))
    screen.alert(alert(severity=Severity.WARNING))
    screen.alert(alert(severity=Severity.CRITICAL))
    screen.alert(alert(AlertState.RESOLVED, severity=Severity.WARNING))
    assert table(screen)[1].endswith("BlackPicture")


def test_a_segment_without_a_picture_says_so() -> None:
    screen = WatchScreen(console())
    bad = result()
    screen.result(replace(bad, segment=replace(bad.segment, format=None)))
    assert "undecodable" in table(screen)[1]


def test_a_terminal_shows_the_table_and_takes_it_away() -> None:
    out = console(terminal=True)
    with WatchScreen(out) as screen:
        screen.result(result(blur=900.0))
    assert "channel" in text(out)
    assert WatchScreen(console())._live is None  # a file gets lines only
