"""The demo's scenario: a ladder of three, known faults, and exactly the alerts that they deserve."""

from __future__ import annotations

import pytest

from monitor.alerts import AlertEngine, Instant, default_rules
from monitor.protocols import Feature
from monitor.types import Alert, AlertState, EventKind
from tests.unit.alerts.simulation import event, instant, lines, result

FEATURES = {
    "psnr_y": Feature("psnr_y", "PSNR Y", "dB", 0, 60, 0, 60, "", "", (20.0, 60.0), min_drop=3.0),
    "ssim": Feature("ssim", "SSIM", "ratio", -1, 1, -1, 1, "", "", (0.0, 1.0), min_drop=0.04),
}
LADDER = {"1080p": (6e6, 42.0, 0.985), "720p": (3e6, 38.0, 0.96), "360p": (8e5, 33.0, 0.92)}
WOBBLE = (0.0, 0.6, -0.4, 0.9, -0.8, 0.3, -0.2)


def share(start: float, end: float, fault: tuple[float, float]) -> float:
    """How much of the segment lies within the fault."""
    return max(0.0, min(end, fault[1]) - max(start, fault[0])) / (end - start)


def play(
    seconds: float,
    until: float,
    frozen: tuple[float, float],
    black: tuple[float, float],
    collapse: tuple[float, float],
    lost: float,
) -> list[Alert]:
    """A ladder in real time: every tick of a second, segments of all rungs one second after their end."""
    engine = AlertEngine(default_rules(), FEATURES)
    told: list[Alert] = []
    for rendition in LADDER:
        engine.expect("demo", rendition, instant(0), live=True)
        told += engine.observe_event(event(EventKind.UP, 0.5, stream="demo", rendition=rendition), instant(0.5))
    for second in range(1, int(until) + 12):
        now = instant(second)
        number = (second - 1) / seconds - 1
        if number >= 0 and number == int(number) and second <= until:
            for rendition in LADDER:
                told += segment(engine, now, rendition, int(number), seconds, frozen, black, collapse, lost)
        if second == until:
            for rendition in LADDER:
                told += engine.observe_event(event(EventKind.ENDED, second, stream="demo", rendition=rendition), now)
        told += engine.tick(now)
    assert engine.active() == []
    return told


def segment(
    engine: AlertEngine,
    now: Instant,
    rendition: str,
    number: int,
    seconds: float,
    frozen: tuple[float, float],
    black: tuple[float, float],
    collapse: tuple[float, float],
    lost: float,
) -> list[Alert]:
    start, end = number * seconds, (number + 1) * seconds
    bitrate, psnr, ssim = LADDER[rendition]
    at = (now.monotonic - 1000.0, "demo", rendition)
    changed = event(EventKind.MANIFEST_CHANGED, at[0], stream="demo", rendition=rendition, value=seconds)
    told = engine.observe_event(changed, now)
    if start <= lost < end and rendition == "720p":
        missing = event(
            EventKind.SEGMENT_MISSING, at[0], stream="demo", rendition=rendition, value=number, detail="HTTP 404"
        )
        return told + engine.observe_event(missing, now)
    dark, still = share(start, end, black), share(start, end, frozen)
    broken = max(dark, still)

    def stands(fault: tuple[float, float]) -> float:
        """The feature ``frozen``: a picture counts once it has stood still for a second."""
        return share(start, end, (fault[0] + 1, fault[1]))

    wobble = WOBBLE[number % len(WOBBLE)]
    if rendition == "720p":
        low = share(start, end, collapse)
        bitrate, psnr, ssim = bitrate * (1 - 0.9 * low), psnr - 12 * low, ssim - 0.15 * low
    scores = {
        "psnr_y": psnr + wobble - broken * (psnr - 14),
        "ssim": ssim + wobble / 200 - broken * (ssim - 0.3),
        "black_ratio": dark,
        "frozen": max(stands(black), stands(frozen)),
    }
    one = result(scores, start=start, seconds=seconds, stream="demo", rendition=rendition, bitrate_bps=bitrate)
    return told + engine.observe_result(one, now)


def names(alerts: list[Alert], state: AlertState) -> list[str]:
    return sorted(line.split(" ", 1)[1] for line in lines(alerts) if line.startswith(state))


@pytest.mark.parametrize("offset", [0.0, 0.1, 0.4, 0.8, 1.0, 1.3, 1.5, 1.7, 1.9])
def test_each_fault_of_the_demo_raises_its_one_alert_and_no_other(offset: float) -> None:
    told = play(
        2.0,
        92,
        frozen=(44 + offset, 52 + offset),
        black=(62 + offset, 70 + offset),
        collapse=(24 + offset, 34 + offset),
        lost=80,
    )
    expected = sorted(
        [f"BlackPicture {rendition} black_ratio" for rendition in LADDER]
        + [f"FrozenPicture {rendition} frozen" for rendition in LADDER]
        + ["ScoreDrop 720p psnr_y", "SegmentMissing 720p"]
    )
    assert names(told, AlertState.FIRING) == expected
    assert names(told, AlertState.RESOLVED) == expected


@pytest.mark.parametrize("seconds", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("length", [12.0])
@pytest.mark.parametrize("offset", [0.0, 0.05, 0.25, 0.5, 0.75, 0.9, 0.97])
def test_a_freeze_pages_once_whatever_its_alignment_with_segments(seconds: float, length: float, offset: float) -> None:
    begin = 60 + offset * seconds
    far = (1e6, 1e6 + 1)
    told = play(seconds, 101, frozen=(begin, begin + length), black=far, collapse=far, lost=1e6)
    assert names(told, AlertState.FIRING) == sorted(f"FrozenPicture {rendition} frozen" for rendition in LADDER)


@pytest.mark.parametrize("offset", [0.0, 0.25, 0.5, 0.75])
def test_a_long_freeze_escalates_and_nothing_else(offset: float) -> None:
    far = (1e6, 1e6 + 1)
    told = play(2.0, 121, frozen=(60 + 2 * offset, 100 + 2 * offset), black=far, collapse=far, lost=1e6)
    fired = [alert.name for alert in told if alert.state is AlertState.FIRING]
    assert sorted(fired) == ["FrozenPicture"] * 3 + ["FrozenPictureLong"] * 3


@pytest.mark.parametrize("seconds", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("offset", [0.0, 0.25, 0.5, 0.75])
def test_black_that_follows_a_freeze_is_told_as_black(seconds: float, offset: float) -> None:
    begin = 60 + offset * seconds
    far = (1e6, 1e6 + 1)
    told = play(seconds, 121, frozen=(begin, begin + 20), black=(begin + 20, begin + 40), collapse=far, lost=1e6)
    fired = [alert.name for alert in told if alert.state is AlertState.FIRING]
    assert sorted(fired) == ["BlackPicture"] * 3 + ["FrozenPicture"] * 3


def test_picture_alerts_carry_media_time_and_the_worst_segment() -> None:
    far = (1e6, 1e6 + 1)
    told = play(2.0, 92, frozen=far, black=(62, 70), collapse=far, lost=1e6)
    fired, resolved = (
        next(alert for alert in told if alert.state is state) for state in (AlertState.FIRING, AlertState.RESOLVED)
    )
    assert (fired.starts_at, fired.ends_at) == (instant(62).utc, None)
    assert (resolved.starts_at, resolved.ends_at) == (instant(62).utc, instant(70).utc)
    assert fired.segment_start_ms == round(instant(62).utc.timestamp() * 1000)
    assert (fired.value, fired.threshold) == (1.0, 0.98)
    assert fired.fingerprint == resolved.fingerprint


def test_a_healthy_ladder_is_silent() -> None:
    far = (1e6, 1e6 + 1)
    assert play(2.0, 601, frozen=far, black=far, collapse=far, lost=1e6) == []
