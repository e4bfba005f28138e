from __future__ import annotations

import errno
import socket
from pathlib import Path

import av
import av.error
import pytest

from monitor.errors import BadMedia, SourceEnded, SourceError, SourceUnavailable
from monitor.sources.failures import classify, shown

from .media import clip
from .origin import Origin, Reply

URL = "rtmp://user:secret@cam.example/app/key?token=abc"


def no_such_host(host: str) -> object:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def known_host(host: str) -> object:
    return host


def raised(kind: type[av.error.FFmpegError], number: int = 1, text: str = "what FFmpeg says") -> Exception:
    return kind(number, text, URL)


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (raised(av.error.ExitError), SourceUnavailable, "timeout"),
        (raised(av.error.TimeoutError, errno.ETIMEDOUT), SourceUnavailable, "timeout"),
        (raised(av.error.ConnectionRefusedError, errno.ECONNREFUSED), SourceUnavailable, "refused"),
        (raised(av.error.ConnectionResetError, errno.ECONNRESET), SourceUnavailable, "eof"),
        (raised(av.error.BrokenPipeError, errno.EPIPE), SourceUnavailable, "eof"),
        (raised(av.error.EOFError), SourceEnded, "eof"),
        (raised(av.error.HTTPUnauthorizedError), SourceUnavailable, "http_4xx"),
        (raised(av.error.HTTPForbiddenError), SourceUnavailable, "http_4xx"),
        (raised(av.error.HTTPNotFoundError), SourceUnavailable, "http_4xx"),
        (raised(av.error.HTTPOtherClientError), SourceUnavailable, "http_4xx"),
        (raised(av.error.HTTPServerError), SourceUnavailable, "http_5xx"),
        (raised(av.error.ProtocolNotFoundError), SourceError, "protocol"),
        (raised(av.error.InvalidDataError), BadMedia, "demux"),
        (raised(av.error.OSError, errno.EHOSTUNREACH, "No route to host"), SourceUnavailable, "open"),
        (raised(av.error.OSError, errno.EIO, "Input/output error"), SourceUnavailable, "open"),
        (raised(av.error.UnknownError), SourceError, "open"),
        (ValueError(f"something about {URL}"), SourceError, "open"),
    ],
)
def test_every_kind_of_failure_has_a_reason_and_one_clean_line(error: Exception, kind: type[SourceError], reason: str):
    failure = classify(error, URL, resolve=known_host)
    assert type(failure) is kind
    assert failure.reason == reason
    text = str(failure)
    assert "cam.example" in text
    assert "\n" not in text
    for secret in ("secret", "user", "token=", "abc"):
        assert secret not in text


def test_an_unknown_host_is_told_from_other_io_errors():
    failure = classify(raised(av.error.OSError, errno.EIO), URL, resolve=no_such_host)
    assert failure.reason == "dns"
    assert "unknown host 'cam.example'" in str(failure)


def test_an_io_error_while_reading_is_a_lost_connection():
    failure = classify(raised(av.error.OSError, errno.EIO), URL, reading=True, resolve=no_such_host)
    assert failure.reason == "eof"


def test_rtsp_disguises_timeouts_as_invalid_data():
    error = raised(av.error.InvalidDataError)
    late = classify(error, "rtsp://cam.example/1", waited_seconds=10, timeout_seconds=10)
    early = classify(error, "rtsp://cam.example/1", waited_seconds=1, timeout_seconds=10)
    assert (late.reason, early.reason) == ("timeout", "demux")


@pytest.mark.parametrize("scheme", ["srt", "rist"])
def test_protocols_that_the_wheel_lacks_name_the_way_round(scheme: str):
    with pytest.raises(av.error.ProtocolNotFoundError) as caught:
        av.open(f"{scheme}://127.0.0.1:9", timeout=(1, 1))
    failure = classify(caught.value, f"{scheme}://127.0.0.1:9")
    assert failure.reason == "protocol"
    assert not failure.retriable
    assert "gateway" in str(failure)
    assert "udp://127.0.0.1:5000" in str(failure)


def opening(path: Path) -> SourceError:
    with pytest.raises(av.error.FFmpegError) as caught:
        av.open(str(path), timeout=(1, 1))
    return classify(caught.value, str(path))


def test_files_that_are_no_video(tmp_path: Path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("this is no film\n" * 100)
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 8)
    whole = clip(tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    said = {name: opening(tmp_path / f"{name}.mp4") for name in ("empty", "text", "noise", "cut")}
    assert {type(failure) for failure in said.values()} == {BadMedia}
    assert "is empty" in str(said["empty"])
    assert "is text" in str(said["text"])
    assert "no media that FFmpeg knows" in str(said["noise"])
    assert "without its index (moov)" in str(said["cut"])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!DOCTYPE html><html>" + 200 * b"<p>It works!</p>\n", "is an HTML page, expected a video file"),
        ("\ufeff\n<HTML lang=fr><p>\u00e9t\u00e9".encode(), "is an HTML page"),
        (b'{"error": "expired"}', "is text, expected a video file"),
        (("\u00e9" * 400).encode()[1:], "is no media that FFmpeg knows"),
        (("x" + "\u00e9" * 400).encode(), "is text"),
        (bytes(range(256)) * 40, "is no media that FFmpeg knows"),
        (b"", "is empty"),
    ],
)
def test_what_an_address_answers_with_instead_of_video(body: bytes, words: str):
    with Origin() as origin:
        origin.pages["/clip.mp4"] = Reply(body)
        url = origin.url("/clip.mp4?sig=secret").replace("//", "//user:pass@")
        with pytest.raises(av.error.FFmpegError) as caught:
            av.open(url, timeout=(2, 2))
        failure = classify(caught.value, url)
        assert (type(failure), failure.reason) == (BadMedia, "demux")
        assert str(failure).startswith(f"{origin.url('/clip.mp4')} {words}")
        assert str(failure).endswith("; is it the right address?")


def test_an_address_that_no_longer_answers_is_not_judged():
    failure = classify(raised(av.error.EOFError), "http://cam.example/x.mp4", peek=lambda _url, _count: None)
    assert "no media that FFmpeg knows" in str(failure)
    ended = classify(raised(av.error.EOFError), "http://cam.example/x.mp4", reading=True)
    assert type(ended) is SourceEnded


def test_pages_under_the_name_of_a_film(tmp_path: Path):
    (tmp_path / "page.mp4").write_text("<html><p>Anmeldung f\u00fcr G\u00e4ste</p></html>\n" * 50, encoding="utf-8")
    assert str(opening(tmp_path / "page.mp4")).endswith("page.mp4 is an HTML page, expected a video file")


def test_bare_samples_are_named_with_the_way_to_write_down_what_they_are(tmp_path: Path):
    path = tmp_path / "film.YUV"
    path.write_bytes(bytes(64 * 48 * 3 // 2))
    with pytest.raises(av.error.FFmpegError) as caught:
        av.open(str(path))
    failure = classify(caught.value, str(path))
    assert isinstance(failure, BadMedia)
    assert str(failure).startswith(f"{path} is raw video, which says neither its size nor its rate; write it down first")


def test_paths_that_are_no_files(tmp_path: Path):
    assert "is a directory" in str(opening(tmp_path))
    assert "no such file" in str(opening(tmp_path / "missing.mp4"))
    denied = classify(av.error.PermissionError(errno.EACCES, "Permission denied", "x.mp4"), "x.mp4")
    assert "permission denied" in str(denied)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rtmp://u:p@h:1935/a/b?x=1#y", "rtmp://h:1935/a/b"),
        ("rtmp://h/a live=1 token=z", "rtmp://h/a"),
        ("https://[::1]:8443/x.ts?sig=q", "https://[::1]:8443/x.ts"),
        ("/videos/a b.mp4", "/videos/a b.mp4"),
    ],
)
def test_what_is_shown_of_an_address(url: str, expected: str):
    assert shown(url) == expected
