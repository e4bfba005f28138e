"""What watching costs: run with ``make bench`` on a quiet machine. Nothing here asserts a time; the tables matter."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil
import pytest

from monitor.encoding import EncodeSettings, encode_segment
from monitor.engine import SegmentScorer
from monitor.protocols import Reference
from monitor.sampling import create_sampler
from monitor.scorers import create_all, specs
from monitor.sources.decoding import ByteSegment
from pipelines.config import check_config
from pipelines.demo.channel import Channel
from pipelines.demo.faults import EVERY_RENDITION, Fault, FaultKind, FaultPlan
from pipelines.demo.origin import LiveOrigin
from pipelines.demo.scene import Scene
from pipelines.live import LiveMonitor

WIDTH, HEIGHT, RATE = 1920, 1080, 25
SECONDS = 4
"""Length of the group of pictures of the measured stream."""


@pytest.fixture(scope="module")
def segment() -> ByteSegment:
    """Four seconds of a moving, textured 1080p scene: H.264, 5 Mbit/s, one key frame."""
    scene = Scene(WIDTH, HEIGHT, RATE, 1)
    settings = EncodeSettings(
        WIDTH,
        HEIGHT,
        Fraction(RATE),
        bitrate_bps=5_000_000,
        peak_bitrate_bps=5_000_000,
        preset="veryfast",
        gop=SECONDS * RATE,
    )
    data = encode_segment((scene.frame(index) for index in range(SECONDS * RATE)), settings)
    return ByteSegment("bench", "1080p", 0, datetime.now(UTC), False, Fraction(SECONDS), data)


def scorer(mode: str, per_second: float = 1.0) -> SegmentScorer:
    chosen = [spec.name for spec in specs() if spec.reference is Reference.NONE]
    return SegmentScorer(
        "bench",
        "1080p",
        create_sampler(mode, seed="bench", per_second=per_second),
        create_all([(name, {}) for name in chosen]),
        convert=lambda frame, _: frame,
        timer=time.monotonic,
    )


def test_no_reference_signals_on_1080p(segment, capsys):
    """CPU seconds (one core) to decode and score with every no-reference metric, as a multiple of real time."""
    rows = []
    for label, mode, rate in (("key frames", "keyframes", 1.0), ("1 frame/s", "rate", 1.0), ("every frame", "every", 1.0)):
        engine = scorer(mode, rate)
        engine.score(segment)
        rounds = 3 if mode == "every" else 15
        costs = []
        for _ in range(rounds):
            began = time.process_time()
            engine.score(segment)
            costs.append(time.process_time() - began)
        cost = float(np.median(costs))
        rows.append((label, cost * 1000, SECONDS / cost))
    with capsys.disabled():
        print(f"\n1080p25 H.264 {segment.size * 8 / SECONDS / 1e6:.1f} Mbit/s, GOP {SECONDS} s, all no-reference metrics")
        for label, milliseconds, streams in rows:
            print(f"  {label:12} {milliseconds:8.1f} ms per {SECONDS} s segment   {streams:7.1f} live streams a core")
        print(f"  at key frames with a GOP of 2 s: {rows[0][2] / 2:.0f}, of 6 s: {rows[0][2] * 1.5:.0f} live streams a core")


def test_three_rung_watch(tmp_path, capsys):
    """Memory of a three-rung watch with a reference, and the time from a segment's publication to its scores and alert."""
    channel = Channel()
    fault = Fault(FaultKind.BLACK, EVERY_RENDITION, 14, 12)
    plan = FaultPlan((fault,), 34)
    results: list[tuple[str, datetime, datetime, float]] = []
    fired: list[tuple[str, str, datetime]] = []
    peak = 0
    with LiveOrigin(channel, plan) as origin:
        encoder = {child.pid for child in psutil.Process().children(recursive=True)}
        config = check_config(
            {
                "streams": [{"name": "bench", "url": origin.master_url, "reference": origin.source_url}],
                "store": f"sqlite:///{tmp_path / 'store.db'}",
                "evidence": {"dir": str(tmp_path / "evidence")},
                "listen": "127.0.0.1:0",
            },
            where="bench",
        )
        monitor = LiveMonitor(
            config,
            on_result=lambda result: results.append(
                (result.segment.rendition, result.segment.started_at, datetime.now(UTC), result.score_seconds)
            ),
            on_alert=lambda alert: fired.append((alert.name, str(alert.state), datetime.now(UTC))),
        )
        stop = threading.Event()
        runner = threading.Thread(target=monitor.run, args=(stop,))
        before = psutil.Process().memory_info().rss
        runner.start()
        children = 0
        while runner.is_alive():
            here = psutil.Process()
            family = [here, *(child for child in here.children(recursive=True) if child.pid not in encoder)]
            total = 0
            for process in family:
                try:
                    total += process.memory_full_info().uss
                except psutil.Error:
                    continue
            children = max(children, len(family) - 1)
            peak = max(peak, total)
            time.sleep(0.2)
        runner.join()
        published = {(item.rendition, item.started_at): item.at for item in origin.publications}
    delays = [
        (done - published[key]).total_seconds() for name, began, done, _ in results if (key := (name, began)) in published
    ]
    own = [
        (done - published[key]).total_seconds() - seconds
        for name, began, done, seconds in results
        if (key := (name, began)) in published
    ]
    black = next(moment for name, state, moment in fired if name == "BlackPicture" and state == "firing")
    due = origin.started_at + timedelta(seconds=fault.start_seconds + 6) + timedelta(seconds=0.2)
    with capsys.disabled():
        print(f"\nthree rungs and a reference, {len(results)} segments, {children} child processes")
        print(f"  peak memory, monitor and children (USS): {peak / 2**20:.0f} MiB; here before: {before / 2**20:.0f} MiB")
        print(f"  publication to scores: median {np.median(delays):.3f} s, p95 {np.percentile(delays, 95):.3f} s")
        print(f"  of that beyond scoring: median {np.median(own):.3f} s, p95 {np.percentile(own, 95):.3f} s")
        print(f"  third black segment published to alert told: {(black - due).total_seconds():.3f} s")


def test_start(segment, tmp_path, capsys):
    """``vqmon --help``, and the first score of a fresh process with cold and warm kernel caches."""
    clip = tmp_path / "clip.ts"
    clip.write_bytes(segment.data)
    program = [sys.executable, "-m", "pipelines"]

    def seconds(arguments: list[str], environment: dict[str, str], rounds: int) -> float:
        times = []
        for _ in range(rounds):
            began = time.monotonic()
            subprocess.run(
                [*program, *arguments], check=True, capture_output=True, env=environment, cwd=Path(__file__).parents[2]
            )
            times.append(time.monotonic() - began)
        return float(np.median(times))

    environment = dict(os.environ)
    cold = environment | {"NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    score = ["score", str(clip), "--sampling", "keyframes", "-q"]
    rows = [
        ("vqmon --help", seconds(["--help"], environment, 5)),
        ("first score, kernels not compiled yet", seconds(score, cold, 1)),
        ("first score, kernels on disk", seconds(score, cold, 3)),
    ]
    with capsys.disabled():
        print()
        for label, value in rows:
            print(f"  {label:40} {value:6.2f} s")
