"""What a watch stores is right: files, recordings, live MPEG-TS over UDP, each beside its reference."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pytest

from monitor.protocols import Reference
from monitor.types import AlertState, EventKind
from pipelines.comparing import compare_files
from pipelines.files import choose_metrics
from tests.e2e.channel import Channel, segment
from tests.e2e.watch_command import Command, assert_no_traceback, configuration, eventually, rules, watch
from tests.integration.live_senders import free_port, sending
from tests.unit.sources.media import clip
from tests.unit.sources.origin import Origin, playlist


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A reference of 8 s and a worse encoding of it: 25 frames/s, a key frame a second."""
    folder = tmp_path_factory.mktemp("pair")
    return clip(folder / "ref.mp4", seconds=8), clip(folder / "dist.mp4", seconds=8, x264="qp=42")


@pytest.fixture(scope="module")
def compared(pair: tuple[Path, Path]) -> dict[str, float]:
    """What ``vqmon compare`` computes: the mean over all frames by feature."""
    reference, distorted = pair
    (one,) = compare_files([str(distorted)], str(reference), choose_metrics(["psnr", "ssim"], Reference.FULL))
    assert one.scores is not None
    return {score.feature: score.mean for score in one.scores.result.scores}


def assert_means(command: Command, stream: str, compared: dict[str, float], *, frames: int) -> None:
    with command.store.open() as store:
        for feature in ("psnr_y", "psnr_cb", "ssim"):
            rows = store.series(stream, "main", feature, since_ms=0, until_ms=1 << 50)
            assert sum(row.frames for row in rows) == frames
            mean = sum(row.pools["mean"] * row.frames for row in rows) / frames
            assert mean == pytest.approx(compared[feature], abs=1e-9), feature


def test_files_are_scored_as_compare_scores_them(
    tmp_path: Path, pair: tuple[Path, Path], compared: dict[str, float]
) -> None:
    reference, distorted = pair
    with watch(tmp_path, distorted, "-r", reference, "--sampling", "every") as command:
        assert command.wait() == 0
    assert_no_traceback(command)
    assert command.store.sequences("dist") == [0, 1]
    assert_means(command, "dist", compared, frames=200)
    ends = [event.rendition for event in command.store.events("dist", EventKind.ENDED)]
    assert sorted(ends) == ["main", "reference"]
    assert {alert.state for alert in command.store.incidents()} <= {AlertState.RESOLVED}


def test_a_file_can_be_paced_as_if_it_were_live(tmp_path: Path, pair: tuple[Path, Path], compared: dict[str, float]) -> None:
    reference, distorted = pair
    with watch(tmp_path, distorted, "-r", reference, "--sampling", "every", "--realtime") as command:
        eventually("the input is open", lambda: command.store.events("dist", EventKind.UP))
        began = time.monotonic()
        eventually("the first segment", lambda: command.store.sequences("dist"))
        assert command.process.is_running()
        assert command.wait() == 0
        assert 4 < time.monotonic() - began < 20  # eight seconds, of which some went by before we looked
    assert_means(command, "dist", compared, frames=200)
    assert_no_traceback(command)


def test_a_recorded_ladder_is_scored_from_end_to_end(tmp_path: Path) -> None:
    count = 6
    with Origin() as origin:
        rungs = {"64p": 20, "32p": 44}
        lines = ["#EXTM3U"]
        begun = None
        for name, crf in rungs.items():
            channel = Channel(
                origin, name, lambda n, crf=crf: segment(n, crf=crf), count=count, at_once=count, started_at=begun
            )
            with channel:
                begun = channel.started_at
            lines += [f"#EXT-X-STREAM-INF:BANDWIDTH={10**6 // crf},RESOLUTION=96x{name[:-1]}", f"/{name}/video.m3u8"]
        with Channel(origin, "source", count=count, at_once=count, started_at=begun) as source:
            origin.pages["/master.m3u8"] = playlist("\n".join(lines))
            master = origin.url("/master.m3u8")
            with watch(tmp_path, master, "-r", source.url, "--sampling", "every") as command:
                assert command.wait() == 0, command.stderr
    assert_no_traceback(command)
    stream = "127.0.0.1/master"
    with command.store.open() as store:
        assert [row.rendition for row in store.renditions() if row.codec] == ["64p", "32p"]
        means = {}
        for name in rungs:
            rows = store.series(stream, name, "psnr_y", since_ms=0, until_ms=1 << 50)
            assert [row.frames for row in rows] == [10] * count
            means[name] = min(row.pools["mean"] for row in rows)
    assert means["64p"] > means["32p"] + 6
    for name in rungs:
        assert command.store.sequences(stream, name) == list(range(count))


def test_a_live_reference_that_comes_late_is_found(tmp_path: Path) -> None:
    with Origin() as origin, Channel(origin, "live", lambda n: segment(n, crf=40)) as channel:
        reference = origin.url("/source/video.m3u8")
        quick = rules(tmp_path, {"name": "ReferenceLost", "for_seconds": 1})
        config = configuration(tmp_path, [{"name": "news", "url": channel.url, "reference": reference}], rules=str(quick))
        with watch(tmp_path, config) as command:
            eventually("the alert", lambda: command.store.incidents("ReferenceLost"))
            assert [event.reason for event in command.store.events("news", EventKind.DOWN)] == ["http_4xx"]
            assert command.store.sequences("news")  # scored without
            with Channel(origin, "source", started_at=channel.started_at, at_once=channel.published):
                eventually("scores beside the reference", lambda: len(command.store.means("news", "psnr_y")) >= 2)
                eventually(
                    "the alert is over",
                    lambda: [one.state for one in command.store.incidents("ReferenceLost")] == [AlertState.RESOLVED],
                )
                command.signal(signal.SIGTERM)
                assert command.wait(20) == 0
    assert_no_traceback(command)


def test_transport_streams_over_udp(tmp_path: Path) -> None:
    sent = clip(tmp_path / "sent.ts", seconds=20)
    port = free_port(socket.SOCK_DGRAM)
    quick = rules(tmp_path, {"name": "StreamDown", "for_seconds": 1})
    config = configuration(
        tmp_path,
        [{"name": "feed", "url": f"udp://127.0.0.1:{port}", "segment_seconds": 1}],
        rules=str(quick),
        listen="127.0.0.1:0",
    )
    with watch(tmp_path, config) as command:
        with sending(sent, "-f", "mpegts", f"udp://127.0.0.1:{port}?pkt_size=1316"):
            eventually("segments of the feed", lambda: len(command.store.sequences("feed")) >= 4)
            assert command.metric("vqmon_stream_up", stream="feed") == 1
            assert command.metric("vqmon_decode_errors_total", stream="feed") == 0
        eventually("silence is alerted", lambda: command.store.incidents("StreamDown"))
        scored = len(command.store.sequences("feed"))
        with sending(sent, "-f", "mpegts", f"udp://127.0.0.1:{port}?pkt_size=1316"):
            eventually("more segments", lambda: len(command.store.sequences("feed")) >= scored + 2)
            eventually(
                "the alert is over",
                lambda: [one.state for one in command.store.incidents("StreamDown")] == [AlertState.RESOLVED],
            )
        command.signal(signal.SIGTERM)
        assert command.wait(20) == 0
    assert command.store.means("feed", "luma_mean")
    assert_no_traceback(command)
