"""Posting JSON to a receiver: what an answer means, and errors that keep the address's secrets."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from monitor.errors import ConfigError, NotifyError, NotifyUnavailable

RETRIABLE_STATUSES = frozenset({408, 425, 429})
"""Client errors that mean "not now"; all of 5xx do, too."""


class Endpoint:
    """One receiver's address.

    Args:
        url: ``http`` or ``https``; credentials, path and query may hold secrets and appear in no message.
        timeout_seconds: for connecting, sending and each read.
        transport: replaces the network in tests.

    Raises:
        ConfigError: the address can't be one.
    """

    def __init__(self, url: str, *, timeout_seconds: float = 10.0, transport: httpx.BaseTransport | None = None) -> None:
        try:
            self._url = httpx.URL(url)
        except httpx.InvalidURL:
            raise ConfigError("a notifier's address is not a URL; expected http(s)://host[:port]/path") from None
        if self._url.scheme not in ("http", "https") or not self._url.host:
            raise ConfigError(f"a notifier's address has to be http:// or https:// with a host, not {self._url.scheme!r}")
        self.place = f"{self._url.scheme}://{self._url.netloc.decode('ascii')}"
        """Scheme, host and port: what messages may tell."""
        self._timeout_seconds = timeout_seconds
        self._transport = transport
        self._client: httpx.Client | None = None

    def post(self, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Send one JSON document.

        Raises:
            NotifyUnavailable: no answer, or one that asks to try again (408, 425, 429, 5xx).
            NotifyError: refused.
        """
        if self._client is None:
            self._client = httpx.Client(timeout=httpx.Timeout(self._timeout_seconds), transport=self._transport)
        try:
            answer = self._client.post(
                self._url, content=body, headers={"Content-Type": "application/json", **(headers or {})}
            )
        except httpx.TimeoutException as error:
            raise NotifyUnavailable(f"{self.place} did not answer within {self._timeout_seconds:g} s") from error
        except httpx.HTTPError as error:
            raise NotifyUnavailable(f"{self.place} can't be reached: {type(error).__name__}") from error
        if answer.is_success:
            return
        told = f"{self.place} answered {answer.status_code} {answer.reason_phrase}".rstrip()
        if answer.status_code >= 500 or answer.status_code in RETRIABLE_STATUSES:
            raise NotifyUnavailable(told, retry_after_seconds=_retry_after(answer))
        raise NotifyError(f"{told}; check the receiver's address, its credentials and what it accepts")

    def close(self) -> None:
        """Close connections; the next ``post`` opens new ones."""
        if self._client is not None:
            self._client.close()
            self._client = None


def _retry_after(answer: httpx.Response) -> float | None:
    """Seconds that the receiver asks to wait: a number, or a date relative to its own (RFC 9110, 10.2.3)."""
    wanted = answer.headers.get("Retry-After", "").strip()
    if wanted.isdigit():
        return float(wanted)
    try:
        until, sent = parsedate_to_datetime(wanted), parsedate_to_datetime(answer.headers["Date"])
    except (ValueError, KeyError):
        return None
    return max(0.0, (_aware(until) - _aware(sent)).total_seconds())


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def rfc3339(at: datetime) -> str:
    """The moment as receivers read it, in UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
