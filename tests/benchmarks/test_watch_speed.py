"""What watching costs: run with ``make bench`` on a quiet machine. Nothing here asserts a time; the tables matter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from monitor.encoding import EncodeSettings, encode_segment
from monitor.engine import SegmentScorer
from monitor.protocols import Reference
from monitor.sampling import create_sampler
from monitor.scorers import create_all, specs
from monitor.sources.decoding import ByteSegment
from pipelines.demo.channel import Channel
from pipelines.demo.faults import EVERY_RENDITION, Fault, FaultKind, FaultPlan
from pipelines.demo.origin import LiveOrigin
from pipelines.demo.scene import Scene
from pipelines.warmup import warm_up

ROOT = Path(__file__).parents[2]
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
    fault = Fault(FaultKind.BLACK, EVERY_RENDITION, 20, 12)
    out = tmp_path / "scores.ndjson"
    seen: list[tuple[float, dict[str, Any]]] = []
    peak, members = 0, 0
    warm_up(specs())
    with LiveOrigin(Channel(), FaultPlan((fault,), 40)) as origin:
        program = [sys.executable, "-m", "pipelines", "watch", origin.master_url, "--reference", origin.source_url, "-q"]
        options = ["--store", str(tmp_path / "store.db"), "--out", str(out), "--listen", "127.0.0.1:0"]
        watch = subprocess.Popen(
            [*program, *options, "--evidence-dir", str(tmp_path / "evidence")],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        family, read = psutil.Process(watch.pid), 0
        while watch.poll() is None:
            time.sleep(0.02)
            text = out.read_text(encoding="utf-8") if out.exists() else ""
            whole = text[: text.rfind("\n") + 1]
            seen += [(time.time(), json.loads(line)) for line in whole[read:].splitlines()]
            read = len(whole)
            try:
                processes = [family, *family.children(recursive=True)]
                peak = max(peak, sum(process.memory_full_info().uss for process in processes))
                members = max(members, len(processes))
            except psutil.Error:
                continue
        published = {(item.rendition, item.sequence): item.at.timestamp() for item in origin.publications}
    settled = min(at for at, line in seen if line["type"] == "segment") + 2  # the segments from before the watch are done
    delays, beyond = [], []
    for moment, line in seen:
        at = published.get((line.get("rendition"), line.get("sequence"))) if line["type"] == "segment" else None
        if at is not None and at > settled:
            delays.append(moment - at)
            beyond.append(moment - at - line["score_seconds"])
    third = published["540p", int((fault.start_seconds + 4) / 2)]
    alerts = [(at, line) for at, line in seen if line["type"] == "alert" and line["rendition"] == "540p"]
    told = next(at for at, line in alerts if line["alertname"] == "BlackPicture")
    with capsys.disabled():
        print(f"\nthree rungs (540p, 360p, 270p) and a 540p reference, {len(delays)} segments, {members} processes")
        print(f"  peak memory of all processes (USS): {peak / 2**20:.0f} MiB")
        print(f"  publication to scores stored: median {np.median(delays):.3f} s, p95 {np.percentile(delays, 95):.3f} s")
        print(f"  of that beyond scoring: median {np.median(beyond):.3f} s, p95 {np.percentile(beyond, 95):.3f} s")
        print(f"  segment that completes five seconds of black published, to alert told: {told - third:.3f} s")


def test_start(segment, tmp_path, capsys):
    """``vqmon --help``, and the first score of a fresh process with cold and warm kernel caches."""
    clip = tmp_path / "clip.ts"
    clip.write_bytes(segment.data)
    program = [sys.executable, "-m", "pipelines"]

    def seconds(arguments: list[str], environment: dict[str, str], rounds: int) -> float:
        times = []
        for _ in range(rounds):
            began = time.monotonic()
            subprocess.run([*program, *arguments], check=True, capture_output=True, env=environment, cwd=ROOT)
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
