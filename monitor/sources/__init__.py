"""Where pictures come from: ``open_source`` and ``discover`` pick the class for a path or URL."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypedDict, Unpack
from urllib.parse import unquote, urlsplit

from monitor.errors import ConfigError

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.protocols import Source
    from monitor.sources.clock import Clock

LIVE_SCHEMES = ("rtmp", "rtmps", "rtsp", "rtsps", "rtp", "udp", "tcp", "srt", "rist")
"""Inputs without an end of their own."""
RECORDED_SCHEMES = ("file", "http", "https")
"""Inputs that end, unless told otherwise."""
_MEDIA_SUFFIXES = frozenset(
    {
        ".ts",
        ".m2ts",
        ".mts",
        ".mp4",
        ".m4v",
        ".mov",
        ".mkv",
        ".webm",
        ".flv",
        ".avi",
        ".mpg",
        ".mpeg",
        ".h264",
        ".hevc",
        ".265",
    }
)
_SNIFF_BYTES = 512
_NEED_PORT = ("rtp", "udp", "tcp", "srt", "rist")


class SourceSettings(TypedDict, total=False):
    """Keyword arguments of ``open_source`` besides the names, for functions that pass them on."""

    live: bool | None
    realtime: bool
    segment_seconds: float
    open_timeout_seconds: float
    read_timeout_seconds: float
    options: Mapping[str, str] | None
    headers: Mapping[str, str] | None
    started_at: datetime | None
    clock: Clock | None


def discover(url: str, *, stream: str, rendition: str = "main", **settings: Unpack[SourceSettings]) -> list[Source]:
    """One source per rendition: several for an HLS master playlist (which is fetched), one for everything else.

    An HTTP address whose suffix says nothing is asked what it is; a playlist is known by its content.

    Args:
        url: as for ``open_source``, or an HLS master playlist.
        stream: name of the stream.
        rendition: name of a single rendition; those of a master playlist have their own, after this one and a hyphen where
            it is given.
        settings: as for ``open_source``.

    Raises:
        ConfigError: no such kind of input.
        SourceError: the playlist can't be had.
    """
    scheme = checked_scheme(url)
    timeout, headers = settings.get("open_timeout_seconds", 10.0), settings.get("headers")
    if not is_hls(url) and not (scheme in ("http", "https") and _answers_with_playlist(url, headers, timeout)):
        return [open_source(url, stream=stream, rendition=rendition, **settings)]
    from monitor.sources.hls import open_hls

    renditions = open_hls(url, timeout_seconds=timeout, headers=headers)
    prefix = "" if rendition == "main" else f"{rendition}-"
    names = [rendition] if renditions[0].url == url else [f"{prefix}{found.name}" for found in renditions]
    return [_hls(found.url, stream, name, settings) for name, found in zip(names, renditions, strict=True)]


def open_source(
    url: str,
    *,
    stream: str,
    rendition: str = "main",
    live: bool | None = None,
    realtime: bool = False,
    segment_seconds: float = 6.0,
    open_timeout_seconds: float = 10.0,
    read_timeout_seconds: float = 10.0,
    options: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    started_at: datetime | None = None,
    clock: Clock | None = None,
) -> Source:
    """The source for one rendition at ``url``; nothing is opened before it is iterated.

    Args:
        url: a path, a URL of one of ``LIVE_SCHEMES`` or ``RECORDED_SCHEMES``, or an HLS *media* playlist (``.m3u8``).
        stream: name of the stream.
        rendition: name of the encoded version.
        live: whether the input has no end of its own; ``None``: by scheme (plain HTTP is a file).
        realtime: pace a file by its timestamps.
        segment_seconds: where to cut inputs that are not segmented, at the next key frame.
        open_timeout_seconds: limit for opening.
        read_timeout_seconds: silence that counts as an outage.
        options: FFmpeg options for inputs that PyAV opens.
        headers: for HTTP requests.
        started_at: UTC of a file's first frame; by default the moment of opening.
        clock: for arrival, pacing and waiting.

    Raises:
        ConfigError: no such kind of input, or an address that can't be one.
    """
    scheme = checked_scheme(url)
    if is_hls(url):
        return _hls(
            url,
            stream,
            rendition,
            {"live": live, "read_timeout_seconds": read_timeout_seconds, "headers": headers, "clock": clock},
        )
    from monitor.sources.pyav import PyavSource

    if headers and scheme in ("http", "https"):
        options = {"headers": "".join(f"{name}: {value}\r\n" for name, value in headers.items()), **(options or {})}
    address = url
    if "://" in url:  # FFmpeg knows schemes in lower case only
        address = unquote(urlsplit(url).path) if scheme == "file" else scheme + url[len(scheme) :]
    return PyavSource(
        address,
        stream=stream,
        rendition=rendition,
        live=scheme in LIVE_SCHEMES if live is None else live,
        realtime=realtime,
        segment_seconds=segment_seconds,
        open_timeout_seconds=open_timeout_seconds,
        read_timeout_seconds=read_timeout_seconds,
        options=options,
        started_at=started_at,
        clock=clock,
    )


def is_hls(url: str) -> bool:
    """Whether ``url`` is an HLS playlist, by scheme and suffix."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.path.lower().endswith((".m3u8", ".m3u"))


def checked_scheme(url: str) -> str:
    """The URL's scheme in lower case; ``file`` for a path.

    Raises:
        ConfigError: not a kind of input that is read here, or without the host or port that its kind needs.
    """
    if not url:
        raise ConfigError("the address of an input is empty; give a path or a URL")
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    path = url.split("?", 1)[0].lower()
    if path.endswith(".mpd"):
        raise ConfigError(f"{_shown(url)} is a DASH manifest, which is not read; give the HLS playlist of the same ladder")
    if not separator or scheme == "file":
        if path.endswith((".m3u8", ".m3u")):
            raise ConfigError(f"{url} is an HLS playlist in a file; serve it over HTTP and give its http:// address")
        return "file"
    if scheme not in LIVE_SCHEMES + RECORDED_SCHEMES:
        known = ", ".join(f"{name}://" for name in LIVE_SCHEMES + RECORDED_SCHEMES)
        raise ConfigError(f"no input of kind {scheme}://; known: {known} and paths of files")
    try:
        parts = urlsplit(f"{scheme}://{rest.split(' ', 1)[0]}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigError(f"{scheme}:// address with a port that is no number from 0 to 65535") from None
    if scheme in _NEED_PORT and port is None:
        raise ConfigError(f"{_shown(url)} has no port; expected {scheme}://HOST:PORT")
    if not host and scheme not in ("udp", "rtp"):
        raise ConfigError(f"{scheme}:// address without a host; expected {scheme}://HOST...")
    return scheme


def _hls(url: str, stream: str, rendition: str, settings: SourceSettings) -> Source:
    from monitor.sources.hls import HlsSource

    return HlsSource(
        stream,
        rendition,
        url,
        live=settings.get("live") is not False,
        timeout_seconds=settings.get("read_timeout_seconds", 10.0),
        headers=settings.get("headers"),
        clock=settings.get("clock"),
    )


def _answers_with_playlist(url: str, headers: Mapping[str, str] | None, timeout_seconds: float) -> bool:
    """Whether the first bytes at an address without a telling suffix are those of a playlist."""
    if PurePosixPath(urlsplit(url).path).suffix.lower() in _MEDIA_SUFFIXES:
        return False
    import httpx

    try:
        with (
            httpx.Client(timeout=timeout_seconds, follow_redirects=True, trust_env=False, headers=headers) as client,
            client.stream("GET", url) as response,
        ):
            head = next(response.iter_bytes(_SNIFF_BYTES), b"") if response.is_success else b""
    except (httpx.HTTPError, httpx.InvalidURL):
        return False  # whoever opens it says what is wrong
    return head.lstrip(b"\xef\xbb\xbf").startswith(b"#EXTM3U")


def _shown(url: str) -> str:
    from monitor.sources.failures import shown

    return shown(url)
