"""The exception tree. ``retriable`` says whether the same call may succeed later.

```
VqmonError
+-- ConfigError              a setting is wrong; a person has to change it
|   +-- UnknownName          no metric, rule, stream ... of that name; carries near matches
+-- SourceError              the input gave no pictures
|   +-- SourceUnavailable    host, connection, HTTP status, timeout            retriable
|   +-- SourceEnded          a live input ended without saying so              retriable
|   +-- NoVideo              it opened, and there is nothing to look at
|   +-- BadMedia             empty, truncated or undecodable
+-- UnsupportedFormat        a metric or converter can't take these frames
+-- SinkError                scores could not be stored
|   +-- SinkUnavailable      locked, full or unreachable for now               retriable
+-- NotifyError              an alert could not be delivered
|   +-- NotifyUnavailable    receiver down or asked to wait                    retriable
+-- ServerError              a port is taken, a page can't be served
```
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


class VqmonError(Exception):
    """Anything vqmon can explain in one line; the message is written for the user."""

    retriable: ClassVar[bool] = False
    """Whether trying the same thing again may work."""


class ConfigError(VqmonError):
    """A setting is wrong and a person has to change it."""


class UnknownName(ConfigError):
    """There is nothing of that name; the message lists near matches."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        choices = sorted(known)
        near = difflib.get_close_matches(name, choices, n=3, cutoff=0.5)
        answer = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(choices) or 'none'}"
        super().__init__(f"no {kind} {name!r}; {answer}{f' {hint}' if hint else ''}")
        self.kind, self.name, self.near = kind, name, near


class SourceError(VqmonError):
    """An input gave no pictures."""

    def __init__(self, message: str, *, reason: str = "open") -> None:
        super().__init__(message)
        self.reason = reason
        """Closed set, used as a metric label: open, refused, dns, timeout, eof, http_4xx, http_5xx, playlist, demux,
        decode, no_video, protocol, auth."""


class SourceUnavailable(SourceError):
    """Host unknown, connection refused or lost, HTTP error status, or timeout."""

    retriable = True


class SourceEnded(SourceError):
    """A live input reached an end that its publisher did not announce."""

    retriable = True


class NoVideo(SourceError):
    """The input opened but has no video stream (audio only, text, subtitles)."""


class BadMedia(SourceError):
    """The input is empty, truncated, or no decoder can read it."""


class UnsupportedFormat(VqmonError):
    """Frames of this size, depth or chroma format can't be taken."""


class CannotAlign(VqmonError):
    """Nobody can tell which frame of a reference a file's frames show, and guessing would give a wrong number."""


class SinkError(VqmonError):
    """Scores could not be stored and never will be with this setting."""


class SinkUnavailable(SinkError):
    """Scores could not be stored now: database locked, disk full, server away."""

    retriable = True


class NotifyError(VqmonError):
    """An alert was refused by its receiver."""


class NotifyUnavailable(NotifyError):
    """An alert could not be delivered now; the receiver is down or asked to wait."""

    retriable = True

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ServerError(VqmonError):
    """The built-in web server can't start (port in use, address not ours)."""
