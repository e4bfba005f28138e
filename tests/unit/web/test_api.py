from __future__ import annotations

import gzip
import json
import re
import socket
from types import ModuleType

import httpx
import pytest

from monitor.web import DashboardServer

HOUR = 3_600_000


def test_overview_shows_state_scores_and_incidents(client: httpx.Client, recording: ModuleType) -> None:
    answer = client.get("/api/overview").json()
    assert answer["fleet"] == {"down": 0, "alerting": 1, "silent": 0, "ok": 0, "ended": 0}
    (stream,) = answer["streams"]
    assert stream["stream"] == "channel-one"
    assert stream["severity"] == "warning"
    assert stream["headline"] == ["fusion", "psnr_y", "float_ssim"]
    first = stream["renditions"][0]
    assert (first["rendition"], first["width"], first["height"], first["state"]) == ("720p", 1280, 720, "ok")
    assert first["last_end_ms"] == recording.NOW_MS - 4000
    assert len(first["scores"][0]["spark"]) == 48
    assert first["scores"][0]["value"] == pytest.approx(first["scores"][0]["spark"][-1], abs=0.001)
    assert [each["name"] for each in answer["active"]] == ["LadderInversion", "ScoreDrop"]
    assert {each["name"] for each in answer["recent"]} == {"LowScore", "FrozenPicture", "BlackPicture", "SegmentMissing"}
    assert answer["revision"] > 0


def test_series_gives_every_rendition_with_a_hole_where_segments_are_missing(client: httpx.Client) -> None:
    answer = client.get("/api/series", params={"stream": "channel-one", "feature": "fusion"}).json()
    assert answer["until_ms"] - answer["since_ms"] == HOUR
    lines = {line["rendition"]: line for line in answer["series"]}
    assert set(lines) == {"1080p", "720p", "480p"}
    assert lines["1080p"]["value"].count(None) == 1
    assert None not in lines["720p"]["value"]
    assert lines["720p"]["rows"] == len(lines["720p"]["start_ms"])
    assert lines["720p"]["start_ms"] == sorted(lines["720p"]["start_ms"])


def test_series_is_thinned_but_keeps_the_worst_segment(client: httpx.Client) -> None:
    query = {"stream": "channel-one", "rendition": "720p", "feature": "fusion"}
    (full,) = client.get("/api/series", params=query).json()["series"]
    (thin,) = client.get("/api/series", params=query | {"points": 60}).json()["series"]
    assert len(thin["value"]) <= 60
    assert min(thin["value"]) == min(full["value"])
    assert max(thin["value"]) == max(full["value"])


def test_series_takes_another_statistic(client: httpx.Client) -> None:
    query = {"stream": "channel-one", "rendition": "720p", "feature": "fusion"}
    mean = client.get("/api/series", params=query).json()
    worst = client.get("/api/series", params=query | {"pool": "min"}).json()
    assert (mean["pool"], worst["pool"]) == ("mean", "min")
    assert all(low < level for low, level in zip(worst["series"][0]["value"], mean["series"][0]["value"], strict=True))


def test_segments_give_the_bitrate(client: httpx.Client) -> None:
    answer = client.get("/api/segments", params={"stream": "channel-one", "rendition": "480p"}).json()
    (line,) = answer["series"]
    assert min(line["bitrate_bps"]) < 0.4e6
    assert 1.0e6 < max(line["bitrate_bps"]) < 1.2e6
    assert line["slowest_download_ratio"] == pytest.approx(0.15)


def test_ladder_is_in_order_of_bitrate_and_flags_an_inversion(client: httpx.Client, recording: ModuleType) -> None:
    whole = client.get("/api/ladder", params={"stream": "channel-one"}).json()
    assert whole["feature"] == "fusion"
    assert [rung["rendition"] for rung in whole["rungs"]] == ["480p", "720p", "1080p"]
    assert [rung["beaten_by"] for rung in whole["rungs"]] == [[], [], []]
    until = recording.NOW_MS - 23 * 60_000
    frozen = client.get("/api/ladder", params={"stream": "channel-one", "since": until - 90_000, "until": until}).json()
    assert {rung["rendition"]: rung["beaten_by"] for rung in frozen["rungs"]} == {"480p": [], "720p": ["480p"], "1080p": []}


def test_ladder_knows_the_direction_of_a_score(client: httpx.Client) -> None:
    black = client.get("/api/ladder", params={"stream": "channel-one", "feature": "black_ratio"}).json()
    assert black["rungs"][2]["beaten_by"] == ["480p", "720p"]
    descriptor = client.get("/api/ladder", params={"stream": "channel-one", "feature": "motion"}).json()
    assert all(rung["beaten_by"] == [] for rung in descriptor["rungs"])


def test_summary_pools_over_all_frames(client: httpx.Client, history: object, recording: ModuleType) -> None:
    rows = client.get("/api/summary", params={"stream": "channel-one"}).json()["rows"]
    row = next(each for each in rows if (each["feature"], each["rendition"]) == ("psnr_y", "720p"))
    scores = history.series("channel-one", "720p", "psnr_y", since_ms=recording.NOW_MS - HOUR, until_ms=recording.NOW_MS)  # type: ignore[attr-defined]
    means = sorted(each.pools["mean"] for each in scores)
    assert row["segments"] == len(means)
    assert row["frames"] == 100 * len(means)
    assert row["mean"] == pytest.approx(sum(means) / len(means))
    assert row["min"] == min(each.pools["min"] for each in scores)
    assert row["low_segments"] == pytest.approx(means[int(0.05 * (len(means) - 1))])
    variance = sum((each.pools["mean"] - row["mean"]) ** 2 + each.pools["stdev"] ** 2 for each in scores) / len(scores)
    assert row["stdev"] == pytest.approx(variance**0.5)
    reciprocal = sum(1 / (each.pools["harmonic_mean"] + 1) for each in scores) / len(scores)
    assert row["harmonic_mean"] == pytest.approx(1 / reciprocal - 1)


def test_incidents_and_events_are_newest_first(client: httpx.Client, recording: ModuleType) -> None:
    found = client.get("/api/incidents", params={"stream": "channel-one"}).json()["incidents"]
    assert len(found) == 8
    assert [each["starts_ms"] for each in found] == sorted((each["starts_ms"] for each in found), reverse=True)
    recent = client.get("/api/incidents", params={"since": recording.NOW_MS - 10 * 60_000}).json()["incidents"]
    assert {each["name"] for each in recent} == {"ScoreDrop", "LadderInversion", "SegmentMissing"}
    events = client.get("/api/events", params={"limit": 2}).json()["events"]
    assert [each["kind"] for each in events] == ["segment_missing", "segment_missing"]


def test_thresholds(client: httpx.Client) -> None:
    lines = client.get("/api/thresholds").json()["thresholds"]
    assert lines[0] == {
        "alert": "LowScore",
        "severity": "warning",
        "feature": "fusion",
        "pool": "mean",
        "fires_above": False,
        "value": 60.0,
        "clear": 64.0,
    }


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/api/series?stream=channel-one", 400, "'feature' is missing"),
        ("/api/series?feature=fusion", 400, "'stream' is missing"),
        ("/api/series?stream=channel-1&feature=fusion", 404, "did you mean channel-one?"),
        ("/api/series?stream=channel-one&feature=vmaf", 404, "no feature 'vmaf'"),
        ("/api/series?stream=channel-one&feature=fusion&rendition=4k", 404, "no rendition '4k'"),
        ("/api/series?stream=channel-one&feature=fusion&pool=average", 404, "no pool 'average'"),
        ("/api/series?stream=channel-one&feature=fusion&since=yesterday", 400, "since='yesterday'; expected a whole number"),
        ("/api/series?stream=channel-one&feature=fusion&since=20&until=10", 400, "is not before"),
        ("/api/series?stream=channel-one&feature=fusion&points=1e9", 400, "from 10 to 10000"),
        ("/api/series?stream=channel-one&feature=fusion&until=-1", 400, "from 0"),
        ("/api/incidents?limit=0", 400, "from 1 to 5000"),
        ("/api/incidents?since=99999999999999999999999999", 400, "expected a whole number"),
        ("/api/overview?verbose=1", 400, "no parameter 'verbose'"),
        ("/api/nothing", 404, "nothing at '/api/nothing'"),
        ("/static/app.py", 404, "no file 'app.py'"),
    ],
)
def test_bad_requests_are_explained(client: httpx.Client, path: str, status: int, words: str) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert words in answer.json()["error"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/", "/api/overview"])
def test_only_reading_is_allowed(client: httpx.Client, method: str, path: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/", "/api/overview", "/api/nothing", "/static/app.css", "/healthz"])
def test_every_answer_is_guarded(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers


def test_scripts_need_this_origin_or_this_hash(client: httpx.Client) -> None:
    policy = client.get("/").headers["content-security-policy"]
    scripts = re.search(r"script-src ([^;]+);", policy)
    assert scripts is not None
    assert re.fullmatch(r"'self' 'sha256-[A-Za-z0-9+/=]{44}'", scripts[1])


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[::1", "8.8.8.8"])
def test_foreign_host_names_are_refused(client: httpx.Client, host: str) -> None:
    answer = client.get("/api/overview", headers={"host": host})
    assert answer.status_code in {400, 421}
    assert "streams" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "localhost:9999", "127.0.0.1", "[::1]:8080", "LOCALHOST"])
def test_loopback_names_are_served(client: httpx.Client, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 200


def test_other_sites_get_nothing_but_a_followed_link(client: httpx.Client) -> None:
    foreign = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert client.get("/api/overview", headers=foreign).status_code == 403
    assert client.get("/", headers=foreign | {"sec-fetch-mode": "navigate"}).status_code == 200


def test_the_page_carries_its_title_as_text(client: httpx.Client) -> None:
    page = client.get("/").text
    assert "<title>Test &lt;b&gt;wall&lt;/b&gt;</title>" in page
    assert "<b>wall" not in page
    config = re.search(r'id="vqmon-config">(.*?)</script>', page, re.DOTALL)
    assert config is not None
    assert json.loads(config[1])["title"] == "Test <b>wall</b>"


def test_static_files_are_packed_and_kept_for_ever(client: httpx.Client) -> None:
    page = client.get("/").text
    url = re.search(r'src="(static/plotly[^"]+)"', page)
    assert url is not None
    with client.stream("GET", "/" + url[1], headers={"accept-encoding": "gzip"}) as answer:
        packed = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    plain = client.get("/" + url[1], headers={"accept-encoding": "identity"})
    assert gzip.decompress(packed) == plain.content
    assert len(packed) < len(plain.content) / 2
    again = client.get("/" + url[1], headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304
    assert client.get("/static/plotly.min.js").headers["cache-control"] == "no-cache"


def test_every_module_is_in_the_import_map(client: httpx.Client) -> None:
    page = client.get("/").text
    found = re.search(r'<script type="importmap">(.*?)</script>', page)
    assert found is not None
    modules = json.loads(found[1])["imports"]
    for url in modules.values():
        answer = client.get("/" + url.removeprefix("./"))
        assert answer.headers["content-type"].startswith("text/javascript")
        assert set(re.findall(r'from "([^"]+)"', answer.text)) <= set(modules)


def test_metrics_follow_the_accept_header(client: httpx.Client) -> None:
    answer = client.get("/metrics")
    assert answer.text == "vqmon_up 1\n"
    assert answer.headers["content-type"] == "text/plain; version=0.0.4"
    asked = client.get("/metrics", headers={"accept": "application/openmetrics-text"})
    assert asked.headers["content-type"].startswith("application/openmetrics-text")


def test_evidence_is_served(client: httpx.Client) -> None:
    incidents = client.get("/api/incidents").json()["incidents"]
    paths = next(each["evidence"] for each in incidents if each["name"] == "ScoreDrop")
    types = [client.get(f"/evidence/{path}").headers["content-type"] for path in paths]
    assert types == ["image/jpeg", "image/jpeg", "application/json"]


@pytest.mark.parametrize(
    "path",
    [
        "../secret.json",
        "..%2fsecret.json",
        "%2e%2e/secret.json",
        "x/../../secret.json",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "link.json",
        "notes.txt",
        ".hidden.json",
        "..%5csecret.json",
        "secret.json%00.jpg",
        "",
        "absent.json",
    ],
)
def test_nothing_but_evidence_is_served(server: DashboardServer, path: str) -> None:
    # Written by hand: an HTTP client would tidy the path before sending it.
    port = int(server.url.rsplit(":", 1)[1].strip("/"))
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(f"GET /evidence/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"hunter2" not in answer
    assert b"root:" not in answer
