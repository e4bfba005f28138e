"""``vqmon demo``: the whole of it on a live ladder of its own, as a newcomer runs it."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from monitor.types import AlertState, EventKind
from pipelines.demo.channel import Channel
from tests.e2e.watch_command import Command, Store, assert_no_traceback, eventually

RUNGS = tuple(rung.name for rung in Channel().rungs)


@pytest.mark.timeout(400)
def test_the_demo_passes_and_leaves_its_results(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Command(tmp_path, "demo", "-o", "out", "--listen", "127.0.0.1:0") as command:
        url = command.url()
        store = Store(out / "vqmon.db")
        for rung in RUNGS:
            eventually(f"scores of {rung}", lambda rung=rung: len(store.sequences("demo", rung)) >= 3)
        assert httpx.get(f"{url}/").status_code == 200
        overview = httpx.get(f"{url}/api/overview").raise_for_status().text
        assert all(rung in overview for rung in RUNGS)
        assert command.metric("vqmon_segments_total", stream="demo") >= 9
        assert command.wait(300) == 0, command.stdout
        family = command.family()
    assert_no_traceback(command)
    assert family == []
    assert "every fault was alerted on and resolved, and nothing else was" in command.stdout
    assert (out / "report.html").stat().st_size > 100_000
    sequences = {rung: store.sequences("demo", rung) for rung in RUNGS}
    longest = max(sequences.values(), key=len)
    assert longest == list(range(longest[0], longest[-1] + 1))
    missing = [event.value for event in store.events("demo", EventKind.SEGMENT_MISSING)]
    absent = [sorted(set(longest) - set(found)) for found in sequences.values()]
    assert absent == [[], [], missing]
    incidents = store.incidents()
    assert {one.name for one in incidents} >= {"BlackPicture", "FrozenPicture", "SegmentMissing"}
    assert {one.state for one in incidents} == {AlertState.RESOLVED}
    for incident in incidents:
        assert all((out / "evidence" / name).is_file() for name in incident.evidence)
        assert bool(incident.evidence) is bool(incident.feature)
    with store.open() as opened:
        for rung in RUNGS:
            scored = opened.series("demo", rung, "psnr_y", since_ms=0, until_ms=1 << 50)
            assert len(scored) == len(sequences[rung])
    lines = [json.loads(line) for line in (out / "scores.ndjson").read_text(encoding="utf-8").splitlines()]
    assert sum(line["type"] == "segment" for line in lines) == sum(map(len, sequences.values()))
