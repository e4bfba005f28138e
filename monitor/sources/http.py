"""GET over HTTP for sources: bounded in time and size, and every failure named for a person and for a metric label."""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

import httpx

from monitor.errors import BadMedia, ConfigError, SourceError, SourceUnavailable
from monitor.sources.addresses import redacted

_log = logging.getLogger(__name__)

_AGENT = "vqmon"

_RETRY_SOON = frozenset({408, 425, 429})
"""Statuses of the 4xx class that say "not now" instead of "no" (RFC 9110, RFC 8470, RFC 6585)."""


class FetchError(SourceUnavailable):
    """A GET that gave no usable answer. ``status`` is the HTTP status, 0 when none arrived."""

    def __init__(self, message: str, *, reason: str, status: int = 0) -> None:
        super().__init__(message, reason=reason)
        self.status = status

    @property
    def refused_for_good(self) -> bool:
        """Whether the server answered that this resource is not to be had (404, 410, 403 ...)."""
        return 400 <= self.status < 500 and self.status not in _RETRY_SOON


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A part of a resource."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        """Offset after the last byte."""
        return self.offset + self.length

    @property
    def header(self) -> str:
        """Value of a ``Range`` header (RFC 9110, 14.1.2: both ends inclusive)."""
        return f"bytes={self.offset}-{self.end - 1}"


@dataclass(frozen=True, slots=True)
class Download:
    """A body that arrived whole."""

    url: str
    """Where it came from after redirects: the base of relative references in it."""
    body: bytes
    content_type: str
    seconds: float
    """From the request to the last byte."""


def first_bytes(url: str, count: int, *, timeout_seconds: float = 5.0) -> bytes | None:
    """The first bytes, at most ``count``, of what ``url`` answers with; ``None`` where it gives no answer or an error.

    Args:
        url: absolute, http or https; credentials in it are used.
        count: how many.
        timeout_seconds: limit for connecting and for each wait for bytes.
    """
    try:
        with httpx.stream(
            "GET",
            url,
            headers={"Range": ByteRange(0, count).header, "Accept-Encoding": "identity", "User-Agent": _AGENT},
            timeout=timeout_seconds,
            follow_redirects=True,
            trust_env=False,
        ) as response:
            if response.status_code == 416:  # no such range: there is not a single byte
                return b""
            return next(response.iter_raw(), b"")[:count] if response.is_success else None
    except (httpx.HTTPError, httpx.InvalidURL):
        return None


class Fetcher:
    """A connection pool for one source; safe to use from several threads.

    Proxies and credentials come from the arguments only: the environment and ``.netrc`` are not read.

    Args:
        timeout_seconds: limit for connecting, for each wait for bytes and, unless ``get`` says otherwise, for a whole GET.
        headers: sent with every request, for example an authorization.
        proxy: URL of an HTTP proxy.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        timeout_seconds: float = 10.0,
        headers: Mapping[str, str] | None = None,
        proxy: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._client = httpx.Client(
            timeout=httpx.Timeout(timeout_seconds),
            follow_redirects=True,
            max_redirects=5,
            headers={"User-Agent": _AGENT, **(headers or {})},
            proxy=proxy,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections; no GET may be under way."""
        self._client.close()

    def get(
        self,
        url: str,
        *,
        max_bytes: int,
        byte_range: ByteRange | None = None,
        compressed: bool = False,
        timeout_seconds: float | None = None,
    ) -> Download:
        """The whole body at ``url``, or the part of it that ``byte_range`` names.

        A kept-alive connection that the server closed in the meantime is replaced once, silently.

        Args:
            url: absolute, http or https.
            max_bytes: refuse a longer body (after decompression).
            byte_range: part to ask for; a server that ignores the question and sends everything is served too.
            compressed: whether gzip may be offered (playlists) or the bytes are wanted as they are (media).
            timeout_seconds: limit for the whole GET; the wait for one piece of the body may exceed it once by the
                fetcher's own timeout.

        Raises:
            FetchError: unknown host, refused or lost connection, HTTP error status, timeout.
            BadMedia: the body is shorter than announced (reason ``eof``).
            SourceError: too long, too many redirects, garbled (reason ``protocol``).
            ConfigError: not an http(s) URL.
        """
        if urlsplit(url).scheme not in ("http", "https"):
            raise ConfigError(f"{redacted(url)!r} is not an http:// or https:// URL")
        headers = {"Accept-Encoding": "gzip, deflate" if compressed else "identity"}
        if byte_range is not None:
            headers["Range"] = byte_range.header
        started = self._clock()
        deadline = started + (self._timeout_seconds if timeout_seconds is None else timeout_seconds)
        try:
            try:
                answer = self._attempt(url, headers, byte_range, max_bytes, deadline)
            except httpx.RemoteProtocolError as error:
                if "without sending a response" not in str(error):
                    raise
                _log.debug("%s: connection was closed by the server; asking again", redacted(url))
                answer = self._attempt(url, headers, byte_range, max_bytes, deadline)
        except httpx.InvalidURL as error:
            raise ConfigError(f"{redacted(url)!r} is not a URL: {error}") from None
        except httpx.HTTPError as error:
            raise _classified(error, url, self._timeout_seconds) from None
        final_url, content_type, body = answer
        return Download(final_url, body, content_type, self._clock() - started)

    def _attempt(
        self, url: str, headers: Mapping[str, str], byte_range: ByteRange | None, max_bytes: int, deadline: float
    ) -> tuple[str, str, bytes]:
        with self._client.stream("GET", url, headers=headers) as response:
            if response.status_code not in (200, 206):
                raise _refused(response.status_code, url)
            skip = byte_range.offset if byte_range is not None and response.status_code == 200 else 0
            wanted = byte_range.length if byte_range is not None else None
            body = bytearray()
            for chunk in self._chunks(response, url, deadline):
                if skip >= len(chunk):
                    skip -= len(chunk)
                    continue
                body += chunk[skip:]
                skip = 0
                if wanted is not None and len(body) >= wanted:
                    del body[wanted:]
                    break
                if len(body) > max_bytes:
                    raise SourceError(
                        f"{redacted(url)} is longer than the limit of {max_bytes:,} bytes; not a media segment?",
                        reason="protocol",
                    )
            if wanted is not None and len(body) < wanted:
                raise BadMedia(f"{redacted(url)}: byte range of {wanted} bytes, {len(body)} arrived", reason="eof")
            return str(response.url), response.headers.get("content-type", ""), bytes(body)

    def _chunks(self, response: httpx.Response, url: str, deadline: float) -> Iterator[bytes]:
        for chunk in response.iter_bytes():
            if self._clock() > deadline:
                raise FetchError(f"{redacted(url)}: the body still trickles in at the time limit", reason="timeout")
            yield chunk


def _refused(status: int, url: str) -> SourceError:
    shown = redacted(url)
    if status >= 500:
        return FetchError(f"{shown} answered HTTP {status}; the server is in trouble", reason="http_5xx", status=status)
    if status >= 400:
        advice = {
            401: "credentials are needed",
            403: "access is denied: token expired, wrong region or referrer?",
            404: "there is nothing at this address",
            410: "it has been removed",
            429: "the server asks for fewer requests",
        }.get(status, "the request was refused")
        return FetchError(f"{shown} answered HTTP {status}; {advice}", reason="http_4xx", status=status)
    if status == 204:
        return BadMedia(f"{shown} is empty (HTTP 204)", reason="eof")
    return SourceError(f"{shown} answered HTTP {status}, expected 200", reason="protocol")


def _classified(error: httpx.HTTPError, url: str, timeout_seconds: float) -> SourceError:
    """What went wrong, for a person and as a reason of the closed set (``monitor.errors.SourceError``)."""
    shown, host = redacted(url), urlsplit(url).hostname or "?"
    if isinstance(error, httpx.TimeoutException):
        what = "no connection" if isinstance(error, httpx.ConnectTimeout) else "no answer"
        return FetchError(f"{shown}: {what} within {timeout_seconds:g} s", reason="timeout")
    causes = list(_causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return FetchError(f"unknown host {host!r}; check the name and DNS ({shown})", reason="dns")
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return FetchError(f"{shown}: connection refused; is the server running on that port?", reason="refused")
    tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    if tls is not None:
        return FetchError(f"{shown}: TLS failed: {tls.reason or tls}", reason="protocol")
    if isinstance(error, httpx.RemoteProtocolError) and "complete message body" in str(error):
        return BadMedia(f"{shown} is truncated: {error}", reason="eof")
    if isinstance(error, (httpx.NetworkError, httpx.RemoteProtocolError)):
        lost = not isinstance(error, httpx.ConnectError)
        what = "connection lost" if lost else "cannot connect"
        return FetchError(f"{shown}: {what}: {error}", reason="eof" if lost else "open")
    if isinstance(error, httpx.TooManyRedirects):
        return SourceError(f"{shown} redirects in a circle", reason="protocol")
    return SourceError(f"{shown}: {type(error).__name__}: {error}", reason="protocol")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
