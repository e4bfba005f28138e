"""What PyAV raises, told apart: one line for a person and a reason of the closed set for a metric label."""

from __future__ import annotations

import codecs
import errno
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import av.error

from monitor.errors import BadMedia, SourceEnded, SourceError, SourceUnavailable
from monitor.sources.addresses import redacted

Resolve = Callable[[str], object]
"""Looks a host name up; raises ``socket.gaierror`` where there is none."""

Peek = Callable[[str, int], bytes | None]
"""The first bytes, at most so many, of what an HTTP address answers with; ``None`` where it does not."""

_SNIFF_BYTES = 512

_UNKNOWN = "no media that FFmpeg knows, or damaged from the start"

_RAW = (".yuv", ".rgb", ".cif", ".qcif")
"""Names by which FFmpeg takes a file for bare samples."""

_LOST = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)
_SILENT = (av.error.ExitError, TimeoutError)
"""Timeouts: PyAV's own (from its interrupt callback) and the socket's."""

_GATEWAY = (
    "let a gateway turn it into UDP, for example: srt-live-transmit '{scheme}://HOST:PORT' udp://127.0.0.1:5000, "
    "and watch udp://127.0.0.1:5000"
)


def shown(url: str) -> str:
    """``url`` or path as it may be shown: without credentials, query and FFmpeg's blank-separated options."""
    return redacted(url.split(" ", 1)[0]) if "://" in url else url


def system_resolve(host: str) -> object:
    """Ask the system's resolver.

    Raises:
        socket.gaierror: no such host.
    """
    return socket.getaddrinfo(host, None)


def peek_over_http(url: str, count: int) -> bytes | None:
    """Ask the server; see ``Peek``."""
    from monitor.sources.http import first_bytes  # httpx takes 0.2 s to import, which local files are spared

    return first_bytes(url, count)


def classify(
    error: Exception,
    url: str,
    *,
    waited_seconds: float = 0.0,
    timeout_seconds: float = float("inf"),
    reading: bool = False,
    resolve: Resolve = system_resolve,
    peek: Peek = peek_over_http,
) -> SourceError:
    """The ``SourceError`` to raise for ``error``, which PyAV raised on opening or reading ``url``.

    Nothing of FFmpeg's own text about addresses is kept: it holds credentials.

    Args:
        error: what was raised.
        url: path or URL, as given.
        waited_seconds: how long the call took; RTSP reports a timeout as invalid data.
        timeout_seconds: the limit it ran under.
        reading: whether the input was open already.
        resolve: asked only when FFmpeg reports an I/O error on a network address, which is all it says of an unknown host.
        peek: asked only when something was fetched by HTTP and is no media.
    """
    name = shown(url)
    if "://" not in url:
        return _of_file(error, url)
    scheme, host = _address(url)
    late = waited_seconds >= 0.9 * timeout_seconds
    if isinstance(error, _SILENT) or (isinstance(error, av.error.InvalidDataError) and scheme == "rtsp" and late):
        return SourceUnavailable(
            f"{name}: nothing arrived within {waited_seconds:.0f} s; is the sender running, and the port reachable?",
            reason="timeout",
        )
    if isinstance(error, av.error.ProtocolNotFoundError):
        advice = _GATEWAY.format(scheme=scheme) if scheme in ("srt", "rist") else "check the address"
        return SourceError(f"{name}: this build of PyAV cannot read {scheme}://; {advice}", reason="protocol")
    if isinstance(error, (av.error.HTTPClientError, av.error.HTTPServerError)):
        return _of_status(error, name)
    if isinstance(error, ConnectionRefusedError):
        return SourceUnavailable(f"{name}: connection refused; is the server running on that port?", reason="refused")
    if isinstance(error, _LOST):
        return SourceUnavailable(f"{name}: connection lost", reason="eof")
    if not reading and scheme in ("http", "https") and isinstance(error, (EOFError, av.error.InvalidDataError)):
        head = peek(url, _SNIFF_BYTES)
        what = _looks(head) if head is not None else _UNKNOWN
        return BadMedia(f"{name} is {what}; is it the right address?", reason="demux")
    if isinstance(error, EOFError):
        return SourceEnded(f"{name}: the sender closed the stream", reason="eof")
    if isinstance(error, OSError) and reading:
        return SourceUnavailable(f"{name}: connection lost: {_said(error)}", reason="eof")
    if isinstance(error, OSError):
        if error.errno == errno.EIO and host and not _resolves(host, resolve):
            return SourceUnavailable(f"unknown host {host!r}; check the name and DNS ({name})", reason="dns")
        return SourceUnavailable(f"{name}: cannot be read: {_said(error)}", reason="open")
    if isinstance(error, av.error.InvalidDataError):
        return BadMedia(
            f"{name} answers with something that is no media FFmpeg knows; is it the right address?", reason="demux"
        )
    return SourceError(f"{name}: cannot be opened: {_said(error)}", reason="open")


def _of_file(error: Exception, path: str) -> SourceError:
    if isinstance(error, FileNotFoundError):
        return SourceError(f"{path}: no such file", reason="open")
    if isinstance(error, IsADirectoryError):
        return SourceError(f"{path} is a directory, expected a video file", reason="open")
    if isinstance(error, PermissionError):
        return SourceError(f"{path}: permission denied; check who may read it", reason="open")
    if isinstance(error, av.error.InvalidDataError):
        head = _head(path)
        return BadMedia(f"{path} is {_looks(head) if head is not None else _UNKNOWN}", reason="demux")
    if isinstance(error, av.error.ArgumentError) and path.lower().endswith(_RAW):
        return BadMedia(
            f"{path} is raw video, which says neither its size nor its rate; write it down first "
            f"(ffmpeg -f rawvideo -pixel_format yuv420p -video_size WxH -framerate R -i {path} OUT.y4m)",
            reason="demux",
        )
    return SourceError(f"{path}: cannot be read: {_said(error)}", reason="open")


def _looks(head: bytes) -> str:
    """What something is in which FFmpeg finds invalid data, judged by its first bytes."""
    if not head:
        return "empty, expected a video file"
    if head[4:8] in (b"ftyp", b"mdat", b"free", b"wide"):
        return "an MP4 without its index (moov): truncated, or still being written; finish or copy it again"
    if head.removeprefix(codecs.BOM_UTF8).lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return "an HTML page, expected a video file"
    if _is_text(head):
        return "text, expected a video file"
    return _UNKNOWN


def _is_text(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # which lets the last character be incomplete
    except UnicodeDecodeError:
        return False
    return not any(byte < 9 for byte in head)


def _head(path: str) -> bytes | None:
    """Its first bytes, unless it is a pipe, whose are gone."""
    try:
        if not Path(path).is_file():
            return None
        with Path(path).open("rb") as file:
            return file.read(_SNIFF_BYTES)
    except OSError:
        return None


def _of_status(error: Exception, name: str) -> SourceError:
    if isinstance(error, av.error.HTTPServerError):
        return SourceUnavailable(f"{name} answered HTTP 5xx; the server is in trouble", reason="http_5xx")
    status, advice = next(
        (found for kind, found in _STATUSES.items() if isinstance(error, kind)), ("4xx", "the request was refused")
    )
    return SourceUnavailable(f"{name} answered HTTP {status}; {advice}", reason="http_4xx")


_STATUSES: dict[type[Exception], tuple[str, str]] = {
    av.error.HTTPBadRequestError: ("400", "the request was refused"),
    av.error.HTTPUnauthorizedError: ("401", "credentials are needed"),
    av.error.HTTPForbiddenError: ("403", "access is denied: token expired, wrong region or referrer?"),
    av.error.HTTPNotFoundError: ("404", "there is nothing at this address"),
    av.error.HTTPTooManyRequestsError: ("429", "the server asks for fewer requests"),
}


def _resolves(host: str, resolve: Resolve) -> bool:
    try:
        resolve(host)
    except OSError:
        return False
    return True


def _address(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.split("://", 1)[0], ""
    return parts.scheme, parts.hostname or ""


def _said(error: Exception) -> str:
    """FFmpeg's words for an error number, which never hold an address, or just the kind of any other exception."""
    return (
        (getattr(error, "strerror", None) or "unknown reason")
        if isinstance(error, OSError | av.error.FFmpegError)
        else type(error).__name__
    )
