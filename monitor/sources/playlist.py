"""HLS playlists as values (RFC 8216): what the ``m3u8`` library reads, resolved, checked and made safe to follow.

The library's dictionary form is used, because its object form refuses attributes that it does not know, which clients have
to ignore (RFC 8216, 6.3.1), and adds the durations of partial segments to dates twice.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from urllib.parse import urljoin

import m3u8
from m3u8.parser import ATTRIBUTELISTPATTERN, normalize_attribute, remove_quotes, save_segment_custom_value

from monitor.errors import SourceError
from monitor.sources.addresses import redacted
from monitor.sources.decryption import explicit_vector
from monitor.sources.http import ByteRange

_log = logging.getLogger(__name__)

_AUDIO_CODECS = ("mp4a", "ac-3", "ec-3", "ac-4", "opus", "flac", "alac", "mp3", "dts", "mha1", "mhm1", "stpp", "wvtt")
"""What CODECS entries of audio and text begin with, lower case."""

_IGNORED = ("#EXT-X-PART:", "#EXT-X-PRELOAD-HINT:", "#EXT-X-RENDITION-REPORT:", "#EXT-X-DATERANGE:")
"""Tags of low-latency HLS and of metadata: parts repeat what the whole segment brings a moment later."""


@dataclass(frozen=True, slots=True)
class HlsRendition:
    """One variant of a master playlist, or the only rendition of a media playlist."""

    name: str
    """``720p``; ``720p-3000k`` where several have that height; ``main`` for a media playlist."""
    url: str
    """Of the media playlist."""
    bandwidth_bps: int = 0
    """BANDWIDTH, the peak; 0 when unknown."""
    width: int = 0
    height: int = 0
    codecs: str = ""
    frame_rate: float = 0.0
    audio_only: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """How segments are encrypted (EXT-X-KEY)."""

    method: str
    url: str
    vector: bytes | None
    """The explicit initialization vector; ``None``: the media sequence number."""
    key_format: str = "identity"

    def check(self) -> None:
        """Accept plain AES-128: everything else needs a licence.

        Raises:
            SourceError: another method or key format (reason ``auth``).
        """
        if self.method != "AES-128" or self.key_format != "identity":
            raise SourceError(
                f"encrypted with {self.method} ({self.key_format}), which needs a licence; only AES-128 with a plain key "
                "can be decrypted: monitor the clear origin instead",
                reason="auth",
            )


@dataclass(frozen=True, slots=True)
class InitSection:
    """The initialization section of fMP4 segments (EXT-X-MAP)."""

    url: str
    byte_range: ByteRange | None = None
    key: Key | None = None


@dataclass(frozen=True, slots=True)
class MediaSegment:
    """One announced segment."""

    sequence: int
    url: str
    duration: Fraction
    """EXTINF in seconds."""
    started_at: datetime | None = None
    """EXT-X-PROGRAM-DATE-TIME in UTC, its own or carried on from a neighbour in the same run."""
    byte_range: ByteRange | None = None
    init: InitSection | None = None
    key: Key | None = None
    discontinuity: bool = False
    discontinuity_sequence: int | None = None
    """Which run it belongs to, comparable between reloads; ``None`` where the playlist does not number its runs."""
    gap: bool = False
    """EXT-X-GAP: announced as absent."""


@dataclass(frozen=True, slots=True)
class MediaPlaylist:
    """One reading of a media playlist."""

    target_seconds: float
    """EXT-X-TARGETDURATION."""
    segments: tuple[MediaSegment, ...]
    ended: bool
    """EXT-X-ENDLIST: nothing will follow."""


@dataclass(frozen=True, slots=True)
class MasterPlaylist:
    """The variants of a master playlist by descending bandwidth, audio-only ones included."""

    renditions: tuple[HlsRendition, ...]


def read_playlist(body: bytes, url: str) -> MediaPlaylist | MasterPlaylist:
    """Read a playlist, telling the two kinds apart by content.

    Args:
        body: the playlist as fetched, UTF-8.
        url: where it came from, after redirects: the base of relative URIs.

    Raises:
        SourceError: not a playlist, damaged, or written with an extension that would be misread (reason ``playlist``).
    """
    text = body.decode("utf-8-sig", errors="replace").lstrip()
    if not text.startswith("#EXTM3U"):
        raise SourceError(f"{redacted(url)}: expected #EXTM3U, got {_described(body)}", reason="playlist")
    if "#EXT-X-DEFINE:" in text:
        raise SourceError(f"{redacted(url)} uses EXT-X-DEFINE variables, which are not supported", reason="playlist")
    try:
        data = m3u8.parse(text, custom_tags_parser=_TagReader())
        return _master(data, url) if data["is_variant"] else _media(data, url)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, m3u8.ParseError) as error:
        # The library reports a bad line by whatever its conversion raised.
        raise SourceError(f"{redacted(url)}: damaged playlist: {type(error).__name__}: {error}", reason="playlist") from None


def _described(body: bytes) -> str:
    start = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        return "an empty body"
    if start.startswith((b"<!doctype html", b"<html")) or b"<html" in start:
        return "HTML (an error or login page?)"
    if b"<mpd" in start:
        return "a DASH manifest"
    if start.startswith((b"{", b"[")):
        return "JSON"
    if start.startswith(b"g") and body[188:189] == b"G":
        return "an MPEG-TS stream (a segment or a file instead of its playlist?)"
    if body[4:8] in (b"ftyp", b"styp", b"moof"):
        return "an MP4 file (a segment or a file instead of its playlist?)"
    return f"{body[:16]!r}"


class _TagReader:
    """The library's hook: sees every tag first and returns True for those that the library shall not read itself."""

    def __call__(self, line: str, lineno: int, data: dict[str, Any], state: dict[str, Any]) -> bool:  # noqa: ARG002
        if line.startswith(_IGNORED):
            return True
        if line.startswith("#EXT-X-TARGETDURATION:"):
            data["targetduration"] = float(line.partition(":")[2])  # written with decimals by some packagers
            return True
        if line.startswith("#EXT-X-PROGRAM-DATE-TIME:"):
            moment = _utc(line.partition(":")[2].strip())
            if moment is not None:
                state["program_date_time"] = moment
            return True
        if line.startswith("#EXT-X-MAP:"):
            # Remembered with the key in force here, which also encrypts the map (RFC 8216, 4.3.2.5).
            state["vqmon_map"] = (_attributes(line), state["current_key"])
            if state["expect_segment"]:
                save_segment_custom_value(state, "map", state["vqmon_map"])
            return True
        if line.startswith("#EXTINF:"):
            save_segment_custom_value(state, "map", state.get("vqmon_map"))
        return False


def _attributes(line: str) -> dict[str, str]:
    pairs = (item.partition("=") for item in ATTRIBUTELISTPATTERN.split(line.partition(":")[2])[1::2])
    return {normalize_attribute(name): remove_quotes(value.strip()) for name, _, value in pairs}


def _utc(text: str) -> datetime | None:
    """An ISO 8601 date as UTC; a missing zone means UTC. ``None``, and a warning, for what is no date."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        _log.warning("EXT-X-PROGRAM-DATE-TIME %.40r is no ISO 8601 date; ignored", text)
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _media(data: Mapping[str, Any], url: str) -> MediaPlaylist:
    # A delta update, which we never ask for, leaves out segments after the first number.
    sequence = int(data["media_sequence"]) + int(data["skip"].get("skipped_segments", 0))
    run = data.get("discontinuity_sequence")
    segments: list[MediaSegment] = []
    for entry in data["segments"]:
        if "uri" not in entry:
            continue  # tags of a segment that is not there yet
        flagged = bool(entry["discontinuity"])
        run = run + 1 if flagged and run is not None else run
        segments.append(_segment(entry, url, sequence, run, segments[-1] if segments else None))
        sequence += 1
    longest = max((float(segment.duration) for segment in segments), default=0.0)
    target = data.get("targetduration", 0.0)
    return MediaPlaylist(
        target_seconds=target if math.isfinite(target) and target > 0.0 else max(1.0, longest),
        segments=tuple(_dated_backwards(segments)),
        ended=bool(data["is_endlist"]),
    )


def _segment(
    entry: Mapping[str, Any], base: str, sequence: int, run: int | None, previous: MediaSegment | None
) -> MediaSegment:
    duration = Fraction(str(entry["duration"]))
    if duration < 0:
        raise ValueError(f"EXTINF {entry['duration']} is negative")
    flagged = bool(entry["discontinuity"])
    started_at: datetime | None = entry.get("program_date_time")
    if started_at is None and previous is not None and previous.started_at is not None and not flagged:
        started_at = previous.started_at + timedelta(seconds=float(previous.duration))
    address = urljoin(base, entry["uri"])
    part = None
    if "byterange" in entry:
        before = previous.byte_range if previous is not None and previous.url == address else None
        part = _byte_range(entry["byterange"], before.end if before else None)
    section: tuple[dict[str, str], dict[str, str] | None] | None = entry.get("custom_parser_values", {}).get("map")
    return MediaSegment(
        sequence=sequence,
        url=address,
        duration=duration,
        started_at=started_at,
        byte_range=part,
        init=_init_section(section[0], section[1], base) if section else None,
        key=_key(entry.get("key"), base),
        discontinuity=flagged,
        discontinuity_sequence=run,
        gap=bool(entry.get("gap_tag")),
    )


def _byte_range(text: str, previous_end: int | None) -> ByteRange:
    """``n[@o]``: without an offset the range begins where the one before it in the same resource ended."""
    length, _, offset = text.strip().strip('"').partition("@")
    if not offset and previous_end is None:
        raise ValueError(f"byte range {text!r} has no offset and follows no range of the same resource")
    part = ByteRange(int(offset) if offset else int(previous_end or 0), int(length))
    if part.offset < 0 or part.length <= 0:
        raise ValueError(f"byte range {text!r} is empty or negative")
    return part


def _init_section(attributes: Mapping[str, str], key: Mapping[str, str] | None, base: str) -> InitSection:
    part = _byte_range(attributes["byterange"], 0) if "byterange" in attributes else None
    return InitSection(urljoin(base, attributes["uri"]), part, _key(key, base))


def _key(attributes: Mapping[str, str] | None, base: str) -> Key | None:
    if not attributes or attributes.get("method", "NONE") == "NONE":
        return None
    vector = attributes.get("iv")
    return Key(
        method=attributes["method"],
        url=urljoin(base, attributes.get("uri", "")),
        vector=explicit_vector(vector) if vector else None,
        key_format=attributes.get("keyformat", "identity"),
    )


def _dated_backwards(segments: list[MediaSegment]) -> list[MediaSegment]:
    """Date the segments before a run's first EXT-X-PROGRAM-DATE-TIME, too (RFC 8216, 6.2.1: the mapping is linear)."""
    for index in range(len(segments) - 2, -1, -1):
        earlier, later = segments[index], segments[index + 1]
        if earlier.started_at is None and later.started_at is not None and not later.discontinuity:
            began = later.started_at - timedelta(seconds=float(earlier.duration))
            segments[index] = replace(earlier, started_at=began)
    return segments


def _master(data: Mapping[str, Any], url: str) -> MasterPlaylist:
    found: dict[str, HlsRendition] = {}
    for entry in data["playlists"]:
        rendition = _variant(entry["stream_info"], urljoin(url, entry["uri"]))
        known = found.get(rendition.url)
        if known is None or rendition.bandwidth_bps < known.bandwidth_bps:
            found[rendition.url] = rendition  # same pictures with another audio group: the smallest sum is the nearest
    ordered = sorted(found.values(), key=lambda rendition: -rendition.bandwidth_bps)
    return MasterPlaylist(tuple(_distinct(ordered)))


def _variant(info: Mapping[str, Any], url: str) -> HlsRendition:
    bandwidth = int(info.get("bandwidth", 0))
    codecs = str(info.get("codecs", ""))
    width, height = 0, 0
    if "resolution" in info:
        left, _, right = info["resolution"].strip('"').lower().partition("x")
        width, height = int(left), int(right)
    names = [name.strip().lower() for name in codecs.split(",") if name.strip()]
    audio_only = not height and bool(names) and all(name.startswith(_AUDIO_CODECS) for name in names)
    kbps = f"{round(bandwidth / 1000)}k"
    name = f"audio-{kbps}" if audio_only else f"{height}p" if height else kbps if bandwidth else "main"
    return HlsRendition(name, url, bandwidth, width, height, codecs, float(info.get("frame_rate", 0.0)), audio_only)


def _distinct(renditions: list[HlsRendition]) -> list[HlsRendition]:
    """Give every rendition a name of its own: by bitrate, and by number where even that is the same (a backup)."""
    names = [rendition.name for rendition in renditions]
    longer = [
        f"{rendition.name}-{round(rendition.bandwidth_bps / 1000)}k"
        if rendition.height and names.count(rendition.name) > 1
        else rendition.name
        for rendition in renditions
    ]
    return [
        replace(rendition, name=name if longer[:index].count(name) == 0 else f"{name}-{longer[:index].count(name) + 1}")
        for index, (rendition, name) in enumerate(zip(renditions, longer, strict=True))
    ]
