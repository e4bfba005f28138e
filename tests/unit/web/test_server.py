from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import httpx
import pytest

from monitor.errors import ServerError, SinkUnavailable
from monitor.web import DashboardServer


@pytest.fixture
def empty(recording: ModuleType) -> Any:
    return recording.Recording()


@pytest.fixture
def running(recording: ModuleType, empty: Any) -> Iterator[DashboardServer]:
    with DashboardServer(empty, specs=recording.SPECS, port=0) as server:
        yield server


def test_an_empty_store_is_served(running: DashboardServer) -> None:
    answer = httpx.get(running.url + "api/overview").json()
    assert answer["streams"] == []
    assert answer["newest_ms"] is None
    assert httpx.get(running.url + "metrics").status_code == 404


def test_a_taken_port_is_one_line(running: DashboardServer, recording: ModuleType, empty: Any) -> None:
    port = int(running.url.rsplit(":", 1)[1].strip("/"))
    with pytest.raises(ServerError, match=rf"can't listen on 127\.0\.0\.1:{port}: address already in use; choose another"):
        DashboardServer(empty, specs=recording.SPECS, port=port).start()


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [
        ("192.0.2.7", 0, "cannot assign"),
        ("no-such-host.invalid", 0, "unknown"),
        ("127.0.0.1", 70_000, "a port is a number from 0 to 65535"),
    ],
)
def test_a_foreign_address_is_one_line(recording: ModuleType, empty: Any, host: str, port: int, words: str) -> None:
    with pytest.raises(ServerError, match=words) as caught:
        DashboardServer(empty, specs=recording.SPECS, host=host, port=port).start()
    assert "\n" not in str(caught.value)


def test_starting_twice_is_refused(running: DashboardServer) -> None:
    with pytest.raises(ServerError, match="running already"):
        running.start()


def test_stopping_twice_is_harmless(recording: ModuleType, empty: Any) -> None:
    server = DashboardServer(empty, specs=recording.SPECS, port=0)
    server.start()
    server.stop()
    server.stop()


def test_a_server_can_start_again_on_its_port(recording: ModuleType, empty: Any) -> None:
    server = DashboardServer(empty, specs=recording.SPECS, port=0)
    server.start()
    first = server.url
    server.stop()
    with DashboardServer(empty, specs=recording.SPECS, port=int(first.rsplit(":", 1)[1].strip("/"))) as again:
        assert again.url == first
        assert httpx.get(first + "healthz").json()["status"] == "ok"


def test_open_pages_do_not_keep_the_server(recording: ModuleType, empty: Any) -> None:
    server = DashboardServer(empty, specs=recording.SPECS, port=0)
    server.start()
    with httpx.Client(timeout=10) as client, client.stream("GET", server.url + "api/live") as live:
        lines = live.iter_lines()
        while next(lines) != "event: revision":
            continue
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 2.0
        # Reading on would raise if the answer had been torn off instead of ended.
        assert [line for line in lines if line.startswith("event")] == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url + "healthz")


def test_live_updates_tell_of_every_change(running: DashboardServer, empty: Any) -> None:
    with httpx.Client(timeout=10) as client, client.stream("GET", running.url + "api/live") as live:
        assert live.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in live.headers
        events = _events(live)
        assert next(events)[0] == "revision"
        empty.add_segment("channel-one", "720p", 0, {"fusion": 80.0})
        name, data = next(events)
        assert (name, data["revision"]) == ("revision", 1)
        assert data["now_ms"] > 0


def test_an_unreadable_store_is_503(recording: ModuleType, empty: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked() -> list[object]:
        raise SinkUnavailable("the store is locked by another process")

    with DashboardServer(empty, specs=recording.SPECS, port=0) as server:
        monkeypatch.setattr(empty, "renditions", locked)
        answer = httpx.get(server.url + "api/overview")
        assert answer.status_code == 503
        assert answer.json() == {"error": "the store is locked by another process"}
        monkeypatch.undo()
        assert httpx.get(server.url + "api/overview").status_code == 200


def test_states_of_a_fleet_worst_first(recording: ModuleType) -> None:
    fleet = recording.fleet(30)
    fleet.set_up("channel-01", "240p", up=False, detail="404")
    for rendition in ("1080p", "720p", "480p", "360p", "240p"):
        fleet.set_up("channel-02", rendition, up=None)
    with DashboardServer(fleet, specs=recording.SPECS, port=0, clock=lambda: recording.NOW_MS / 1000) as server:
        answer = httpx.get(server.url + "api/overview").json()
    assert answer["fleet"] == {"down": 1, "alerting": 4, "silent": 0, "ok": 25, "ended": 0}
    names = [each["stream"] for each in answer["streams"]]
    assert names[0] == "channel-07"
    assert set(names[1:4]) == {"channel-03", "channel-13", "channel-23"}
    assert names[4] == "channel-01"


@pytest.mark.parametrize(("up", "state"), [(True, "silent"), (None, "ended"), (False, "down")])
def test_a_stream_without_new_segments(recording: ModuleType, up: bool | None, state: str) -> None:
    history = recording.fleet(1)
    for rendition in ("1080p", "720p", "480p", "360p", "240p"):
        history.set_up("channel-00", rendition, up)
    later = recording.NOW_MS / 1000 + 120
    with DashboardServer(history, specs=recording.SPECS, port=0, clock=lambda: later) as server:
        answer = httpx.get(server.url + "api/overview").json()
    assert answer["streams"][0]["state"] == state
    assert {each["state"] for each in answer["streams"][0]["renditions"]} == {state}


def test_a_feature_that_no_metric_describes_is_still_shown(recording: ModuleType, empty: Any) -> None:
    empty.add_segment("channel-one", "720p", 1000, {"fusion": 80.0, "from_elsewhere": 5.0})
    with DashboardServer(empty, specs=recording.SPECS, port=0, clock=lambda: 5.0) as server:
        stream = httpx.get(server.url + "api/overview").json()["streams"][0]
        query = {"stream": "channel-one", "feature": "from_elsewhere"}
        series = httpx.get(server.url + "api/series", params=query).json()
    assert stream["features"] == ["fusion", "from_elsewhere"]
    assert stream["headline"] == ["fusion"]
    assert series["series"][0]["value"] == [5.0]


def test_ipv6_loopback(recording: ModuleType, empty: Any) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"this machine has no IPv6 loopback: {error}")
    with DashboardServer(empty, specs=recording.SPECS, host="::1", port=0) as server:
        assert server.url.startswith("http://[::1]:")
        assert httpx.get(server.url + "healthz").status_code == 200


def _events(live: httpx.Response) -> Iterator[tuple[str, dict[str, int]]]:
    name = ""
    for line in live.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))
