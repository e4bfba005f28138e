"""The origin publishes in real time, serves the window, and leaves nothing behind."""

from __future__ import annotations

import itertools
import socket
import threading
from dataclasses import replace
from datetime import timedelta

import httpx
import m3u8
import pytest

from monitor.errors import ServerError, SourceUnavailable
from pipelines.demo import feed
from pipelines.demo.faults import Fault, FaultKind, FaultPlan
from pipelines.demo.origin import LiveOrigin

PLAN = FaultPlan((Fault(FaultKind.MISSING_SEGMENT, "120p", 2.0, 0.4),), duration_seconds=4.0)
STEP = timedelta(seconds=0.4)


@pytest.fixture
def client():
    with httpx.Client(timeout=5) as client:
        yield client


def test_a_whole_run(small_channel, client):
    with LiveOrigin(small_channel, PLAN, window=4, kept=3, preroll_segments=2, delay_seconds=0.05) as origin:
        master = m3u8.loads(client.get(origin.master_url).raise_for_status().text, uri=origin.master_url)
        assert [entry.uri for entry in master.playlists] == ["180p/index.m3u8", "120p/index.m3u8", "90p/index.m3u8"]
        assert all(entry.stream_info.codecs.startswith("avc1.42c0") for entry in master.playlists)
        early = m3u8.loads(client.get(origin.source_url).text)
        assert not early.is_endlist
        assert [entry.uri for entry in early.segments][:2] == ["0.ts", "1.ts"]
        assert origin.wait(timeout_seconds=30)

        for name in small_channel.names:
            answer = client.get(f"{origin.base_url}/{name}/index.m3u8")
            assert answer.headers["content-type"] == "application/vnd.apple.mpegurl"
            playlist = m3u8.loads(answer.text)
            assert (playlist.is_endlist, playlist.media_sequence, len(playlist.segments)) == (True, 6, 4)
            dates = [entry.program_date_time for entry in playlist.segments]
            assert dates == [origin.started_at + n * STEP for n in range(6, 10)]
            # Announced: 6 to 9; on top of these the three before, of which 5 is missing on one rung.
            status = [client.get(f"{origin.base_url}/{name}/{n}.ts").status_code for n in range(11)]
            assert status == [404] * 3 + [200, 200, 404 if name == "120p" else 200] + [200] * 4 + [404]
        segment = client.get(f"{origin.base_url}/180p/7.ts")
        assert segment.headers["content-type"] == "video/mp2t"
        assert segment.content[::188][:3] == b"GGG"
        head = client.head(f"{origin.base_url}/180p/7.ts")
        assert (head.content, head.headers["content-length"]) == (b"", str(len(segment.content)))

        for path in ("", "180p", "180p/", "180p/index.ts", "180p/-1.ts", "nope/index.m3u8", "180p/²7.ts"):
            assert client.get(f"{origin.base_url}/{path}").status_code == 404

        by_rendition = {name: [p for p in origin.publications if p.rendition == name] for name in small_channel.names}
        for published in by_rendition.values():
            assert [p.sequence for p in published] == list(range(10))
            assert all(b.started_at - a.started_at == STEP for a, b in itertools.pairwise(published))
            assert all(p.at >= p.started_at + STEP for p in published)  # never before its last picture
        url = origin.master_url
        client.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_leaving_early_is_quick_and_clean(small_channel, client):
    with LiveOrigin(small_channel, replace(PLAN, duration_seconds=3600), forever=True, preroll_segments=1) as origin:
        assert client.get(origin.source_url).status_code == 200
        assert not origin.wait(timeout_seconds=0)
        threads = [thread for thread in threading.enumerate() if thread.name.startswith("demo-")]
        assert len(threads) == 3
    assert not any(thread.is_alive() for thread in threads)


def test_a_taken_port_is_explained(small_channel):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ServerError, match=r"can't listen on 127\.0\.0\.1:\d+"):
            LiveOrigin(small_channel, PLAN, port=taken.getsockname()[1]).__enter__()


def test_an_encoder_that_dies_is_explained(small_channel):
    broken = replace(small_channel, preset="warp")
    with pytest.raises(SourceUnavailable, match=r"encoder died.*preset=warp"):
        LiveOrigin(broken, PLAN).__enter__()


def test_an_encoder_that_hangs_is_not_waited_for(small_channel, monkeypatch):
    monkeypatch.setattr(feed, "command", lambda job: ["sleep", "60"])
    with pytest.raises(SourceUnavailable, match=r"no 3 segments within 0\.2 s"):
        LiveOrigin(small_channel, PLAN, start_timeout_seconds=0.2).__enter__()
