from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from monitor.errors import BadMedia, ConfigError, SourceError, SourceUnavailable
from monitor.sources.addresses import redacted, without_secrets
from monitor.sources.http import ByteRange, Fetcher, FetchError, first_bytes
from tests.unit.sources.origin import Origin, Reply, gzipped, redirect


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as served:
        yield served


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    with Fetcher(timeout_seconds=5.0) as opened:
        yield opened


def failure(fetcher: Fetcher, url: str, **options: int) -> SourceError:
    with pytest.raises(SourceError) as raised:
        fetcher.get(url, max_bytes=options.get("max_bytes", 1000))
    return raised.value


def test_a_body_comes_whole_with_its_address_after_redirects(origin: Origin, fetcher: Fetcher) -> None:
    origin.pages["/a"] = redirect("/sub/b?signed=1")
    origin.pages["/sub/b"] = Reply(b"hello", headers={"Content-Type": "text/plain"})
    answer = fetcher.get(origin.url("/a"), max_bytes=100)
    assert (answer.body, answer.content_type, answer.url) == (b"hello", "text/plain", origin.url("/sub/b?signed=1"))
    assert answer.seconds > 0


def test_compressed_bodies_are_unpacked_and_limited_after_unpacking(origin: Origin, fetcher: Fetcher) -> None:
    origin.pages["/small"] = gzipped(Reply(b"x" * 900))
    origin.pages["/bomb"] = gzipped(Reply(b"x" * 100_000))
    assert fetcher.get(origin.url("/small"), max_bytes=1000, compressed=True).body == b"x" * 900
    assert failure(fetcher, origin.url("/bomb")).reason == "protocol"


@pytest.mark.parametrize("ignore_range", [False, True])
def test_a_byte_range_is_the_same_from_a_server_that_ignores_ranges(
    origin: Origin, fetcher: Fetcher, ignore_range: bool
) -> None:
    origin.pages["/all"] = Reply(bytes(range(200)), ignore_range=ignore_range)
    part = fetcher.get(origin.url("/all"), max_bytes=100, byte_range=ByteRange(20, 30))
    assert part.body == bytes(range(20, 50))
    assert origin.requests == [("/all", "bytes=20-49")]


def test_a_byte_range_past_the_end_is_truncated_media(origin: Origin, fetcher: Fetcher) -> None:
    origin.pages["/all"] = Reply(bytes(40))
    with pytest.raises(BadMedia, match="byte range of 30 bytes, 20 arrived"):
        fetcher.get(origin.url("/all"), max_bytes=100, byte_range=ByteRange(20, 30))


@pytest.mark.parametrize(
    ("status", "reason", "for_good", "said"),
    [
        (404, "http_4xx", True, "HTTP 404; there is nothing at this address"),
        (403, "http_4xx", True, "HTTP 403; access is denied"),
        (410, "http_4xx", True, "HTTP 410; it has been removed"),
        (429, "http_4xx", False, "HTTP 429; the server asks for fewer requests"),
        (503, "http_5xx", False, "HTTP 503; the server is in trouble"),
    ],
)
def test_error_statuses(origin: Origin, fetcher: Fetcher, status: int, reason: str, for_good: bool, said: str) -> None:
    origin.pages["/a"] = Reply(status=status)
    error = failure(fetcher, origin.url("/a"))
    assert isinstance(error, FetchError)
    assert (error.reason, error.status, error.refused_for_good) == (reason, status, for_good)
    assert said in str(error)
    assert error.retriable


def test_unknown_host(fetcher: Fetcher) -> None:
    error = failure(fetcher, "http://no-such-host.invalid/a.m3u8")
    assert error.reason == "dns"
    assert "unknown host 'no-such-host.invalid'" in str(error)


def test_refused_connection(fetcher: Fetcher) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        error = failure(fetcher, f"http://127.0.0.1:{reserved.getsockname()[1]}/a.m3u8")
    assert error.reason == "refused"
    assert "connection refused" in str(error)


def test_a_server_that_says_nothing_is_a_timeout(origin: Origin) -> None:
    origin.pages["/a"] = Reply(hang=True)
    with Fetcher(timeout_seconds=0.1) as fetcher:
        error = failure(fetcher, origin.url("/a"))
    assert error.reason == "timeout"
    assert "no answer within 0.1 s" in str(error)


def test_a_body_that_trickles_past_the_time_limit_is_a_timeout(origin: Origin) -> None:
    origin.pages["/a"] = Reply(b"x")
    ticks = iter([0.0, 100.0])
    with Fetcher(timeout_seconds=5.0, clock=lambda: next(ticks)) as fetcher:
        error = failure(fetcher, origin.url("/a"))
    assert error.reason == "timeout"
    assert "trickles" in str(error)


def test_a_lost_connection_and_a_short_body_are_told_apart(origin: Origin, fetcher: Fetcher) -> None:
    origin.pages["/dropped"] = Reply(drop=True)
    origin.pages["/short"] = Reply(b"abc", announced_length=10)
    dropped, short = failure(fetcher, origin.url("/dropped")), failure(fetcher, origin.url("/short"))
    assert isinstance(dropped, SourceUnavailable)
    assert isinstance(short, BadMedia)
    assert (dropped.reason, short.reason) == ("eof", "eof")
    assert "is truncated" in str(short)


def test_a_connection_closed_before_the_answer_is_replaced_once(origin: Origin, fetcher: Fetcher) -> None:
    replies = iter([Reply(drop=True), Reply(b"there")])
    origin.pages["/a"] = lambda: next(replies)
    assert fetcher.get(origin.url("/a"), max_bytes=10).body == b"there"


def test_odd_answers(origin: Origin, fetcher: Fetcher) -> None:
    origin.pages["/circle"] = redirect("/circle")
    origin.pages["/nothing"] = Reply(status=204)
    origin.pages["/garbled"] = Reply(b"no gzip", headers={"Content-Encoding": "gzip"})
    assert failure(fetcher, origin.url("/circle")).reason == "protocol"
    assert isinstance(failure(fetcher, origin.url("/nothing")), BadMedia)
    assert failure(fetcher, origin.url("/garbled")).reason == "protocol"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/a", "index.m3u8", "http://host:port/a"])
def test_only_http_urls_are_fetched(fetcher: Fetcher, url: str) -> None:
    with pytest.raises(ConfigError):
        fetcher.get(url, max_bytes=10)


def test_errors_show_no_secret(origin: Origin, fetcher: Fetcher) -> None:
    error = failure(fetcher, f"http://user:hunter2@127.0.0.1:{origin.port}/a.m3u8?sig=hunter3#hunter4")
    assert "hunter" not in str(error)
    assert f"http://127.0.0.1:{origin.port}/a.m3u8" in str(error)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@cdn.example.com:8443/a/b.ts?x=1#f", "https://cdn.example.com:8443/a/b.ts"),
        ("http://[::1]:80/a", "http://[::1]:80/a"),
        ("http://u:p@host:bad/a", "(unreadable URL)"),
    ],
)
def test_redacted(url: str, shown: str) -> None:
    assert redacted(url) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://u:p@h/a.mp4?t=1: 3 frames are missing", "http://h/a.mp4: 3 frames are missing"),
        ("can't show http://h/a?t=1, nor RTSP://u:p@h:554/b#c.", "can't show http://h/a, nor rtsp://h:554/b."),
        ("(http://u:p@h/a?t=1)", "(http://h/a)"),
        ("name?with=marks@sign.mp4: fine", "name?with=marks@sign.mp4: fine"),
        ("https://h/a%20b.mp4?sig=a:b", "https://h/a%20b.mp4"),
    ],
)
def test_texts_without_secrets(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


# ---- a first look


@pytest.mark.parametrize("ignore_range", [False, True])
def test_the_first_bytes_are_no_more_than_asked_for(origin: Origin, ignore_range: bool) -> None:
    origin.pages["/all"] = Reply(bytes(range(200)), ignore_range=ignore_range)
    assert first_bytes(origin.url("/all"), 16) == bytes(range(16))


def test_the_first_bytes_of_less(origin: Origin) -> None:
    origin.pages["/five"] = Reply(b"12345")
    origin.pages["/none"] = Reply(b"")
    origin.pages["/there"] = redirect("/five")
    assert first_bytes(origin.url("/five"), 16) == first_bytes(origin.url("/there"), 16) == b"12345"
    assert first_bytes(origin.url("/none"), 16) == b""


def test_no_first_bytes_without_an_answer(origin: Origin) -> None:
    origin.pages["/broken"] = Reply(b"it broke", status=500)
    origin.pages["/hang"] = Reply(hang=True)
    origin.pages["/drop"] = Reply(drop=True)
    for path in ("/404", "/broken", "/drop"):
        assert first_bytes(origin.url(path), 16) is None
    assert first_bytes(origin.url("/hang"), 16, timeout_seconds=0.2) is None
    assert first_bytes("http://[bad", 16) is None
