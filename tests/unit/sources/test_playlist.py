from __future__ import annotations

import contextlib
import logging
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import SourceError
from monitor.sources.http import ByteRange
from monitor.sources.playlist import InitSection, MasterPlaylist, MediaPlaylist, read_playlist

BASE = "https://cdn.example.com/live/a/index.m3u8?token=secret"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def media(*lines: str, url: str = BASE) -> MediaPlaylist:
    found = read_playlist("\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:4", *lines]).encode(), url)
    assert isinstance(found, MediaPlaylist)
    return found


def master(*lines: str) -> MasterPlaylist:
    found = read_playlist("\n".join(["#EXTM3U", *lines]).encode(), BASE)
    assert isinstance(found, MasterPlaylist)
    return found


def variant(uri: str, bandwidth: int, attributes: str = "") -> str:
    return f"#EXT-X-STREAM-INF:BANDWIDTH={bandwidth}{attributes}\n{uri}"


class TestMaster:
    def test_variants_are_named_by_height_and_ordered_by_bandwidth(self) -> None:
        found = master(
            variant("low.m3u8", 800_000, ",RESOLUTION=640x360,FRAME-RATE=25.000"),
            variant("/abs/high.m3u8", 5_000_000, ',RESOLUTION=1920x1080,CODECS="avc1.640028,mp4a.40.2",FRAME-RATE=50'),
            variant("https://other.example.com/mid.m3u8", 2_500_000, ",RESOLUTION=1280x720"),
        ).renditions
        assert [(one.name, one.url) for one in found] == [
            ("1080p", "https://cdn.example.com/abs/high.m3u8"),
            ("720p", "https://other.example.com/mid.m3u8"),
            ("360p", "https://cdn.example.com/live/a/low.m3u8"),
        ]
        assert found[0].codecs == "avc1.640028,mp4a.40.2"
        assert (found[0].width, found[0].height, found[0].bandwidth_bps, found[0].frame_rate) == (
            1920,
            1080,
            5_000_000,
            50.0,
        )

    def test_same_height_is_told_apart_by_bitrate_and_then_by_number(self) -> None:
        found = master(
            variant("a.m3u8", 3_000_000, ",RESOLUTION=1280x720"),
            variant("b.m3u8", 1_500_000, ",RESOLUTION=1280x720"),
            variant("backup/b.m3u8", 1_500_000, ",RESOLUTION=1280x720"),
            variant("c.m3u8", 800_000, ",RESOLUTION=640x360"),
        ).renditions
        assert [one.name for one in found] == ["720p-3000k", "720p-1500k", "720p-1500k-2", "360p"]

    def test_one_uri_under_several_audio_groups_is_one_rendition(self) -> None:
        found = master(
            variant("v.m3u8", 3_200_000, ',RESOLUTION=1280x720,AUDIO="surround"'),
            variant("v.m3u8", 3_000_000, ',RESOLUTION=1280x720,AUDIO="stereo"'),
        ).renditions
        assert [(one.name, one.bandwidth_bps) for one in found] == [("720p", 3_000_000)]

    def test_audio_only_is_marked_and_i_frame_playlists_are_no_variants(self) -> None:
        found = master(
            '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",URI="audio.m3u8"',
            '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=90000,RESOLUTION=640x360,URI="iframes.m3u8"',
            variant("sound.m3u8", 64_000, ',CODECS="mp4a.40.2"'),
            variant("pictures.m3u8", 900_000, ',CODECS="avc1.4d001f,mp4a.40.2"'),
            variant("unknown.m3u8", 700_000),
        ).renditions
        assert [(one.name, one.audio_only) for one in found] == [("900k", False), ("700k", False), ("audio-64k", True)]


class TestMedia:
    def test_sequences_durations_and_urls(self) -> None:
        found = media("#EXT-X-MEDIA-SEQUENCE:41", "#EXTINF:4.004,title", "a.ts?x=1", "#EXTINF:3,", "../b.ts")
        assert [(one.sequence, one.duration, one.url) for one in found.segments] == [
            (41, Fraction("4.004"), "https://cdn.example.com/live/a/a.ts?x=1"),
            (42, Fraction(3), "https://cdn.example.com/live/b.ts"),
        ]
        assert (found.target_seconds, found.ended) == (4.0, False)

    def test_endlist(self) -> None:
        assert media("#EXTINF:4,", "a.ts", "#EXT-X-ENDLIST").ended

    @pytest.mark.parametrize(
        "spelling",
        ["2026-11-21T12:00:00Z", "2026-11-21T12:00:00.000", "2026-11-21T13:00:00+01:00", "2026-11-21T13:00:00.000+0100"],
    )
    def test_dates_are_utc_whatever_their_zone(self, spelling: str) -> None:
        found = media(f"#EXT-X-PROGRAM-DATE-TIME:{spelling}", "#EXTINF:4,", "a.ts")
        assert found.segments[0].started_at == NOON
        assert found.segments[0].started_at.tzinfo is UTC

    def test_a_date_is_carried_on_and_back_but_not_over_a_discontinuity(self) -> None:
        tag = f"#EXT-X-PROGRAM-DATE-TIME:{NOON.isoformat()}"
        found = media(
            *("#EXTINF:4,", "a.ts", "#EXTINF:2.5,", "b.ts", tag, "#EXTINF:4,", "c.ts", "#EXTINF:4,", "d.ts"),
            *("#EXT-X-DISCONTINUITY", "#EXTINF:4,", "e.ts"),
        )
        second = timedelta(seconds=1)
        assert [one.started_at for one in found.segments] == [
            NOON - 6.5 * second,
            NOON - 2.5 * second,
            NOON,
            NOON + 4 * second,
            None,
        ]

    def test_a_date_that_is_none_is_reported_and_left_out(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING):
            found = media("#EXT-X-PROGRAM-DATE-TIME:yesterday", "#EXTINF:4,", "a.ts")
        assert found.segments[0].started_at is None
        assert "yesterday" in caplog.text

    def test_partial_segments_are_neither_segments_nor_added_to_dates(self) -> None:
        found = media(
            *("#EXT-X-PART-INF:PART-TARGET=1", "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=3"),
            *("#EXT-X-MEDIA-SEQUENCE:7", f"#EXT-X-PROGRAM-DATE-TIME:{NOON.isoformat()}"),
            *('#EXT-X-PART:DURATION=2,URI="7.1.ts"', '#EXT-X-PART:DURATION=2,URI="7.2.ts"', "#EXTINF:4,", "7.ts"),
            *('#EXT-X-PART:DURATION=2,URI="8.1.ts"', "#EXTINF:4,", "8.ts", '#EXT-X-PART:DURATION=2,URI="9.1.ts"'),
            *('#EXT-X-PRELOAD-HINT:TYPE=PART,URI="9.2.ts"', '#EXT-X-RENDITION-REPORT:URI="../b",LAST-MSN=8'),
        )
        assert [(one.sequence, one.started_at) for one in found.segments] == [(7, NOON), (8, NOON + timedelta(seconds=4))]

    def test_a_delta_update_counts_what_it_skips(self) -> None:
        found = media("#EXT-X-MEDIA-SEQUENCE:100", "#EXT-X-SKIP:SKIPPED-SEGMENTS=20", "#EXTINF:4,", "120.ts")
        assert [one.sequence for one in found.segments] == [120]

    def test_byte_ranges_with_and_without_offset(self) -> None:
        found = media(
            *("#EXTINF:4,", "#EXT-X-BYTERANGE:100@20", "all.ts", "#EXTINF:4,", "#EXT-X-BYTERANGE:50", "all.ts"),
            *("#EXTINF:4,", "#EXT-X-BYTERANGE:7@0", "other.ts"),
        )
        assert [one.byte_range for one in found.segments] == [ByteRange(20, 100), ByteRange(120, 50), ByteRange(0, 7)]

    def test_a_byte_range_without_offset_needs_one_before_it(self) -> None:
        with pytest.raises(SourceError, match="has no offset"):
            media("#EXTINF:4,", "a.ts", "#EXTINF:4,", "#EXT-X-BYTERANGE:50", "b.ts")

    def test_maps_and_keys_hold_until_the_next(self) -> None:
        found = media(
            *('#EXT-X-MAP:URI="clear.mp4",BYTERANGE="30@5",X-NEW=1', "#EXTINF:4,", "a.m4s"),
            *('#EXT-X-KEY:METHOD=AES-128,URI="k1?t=1",IV=0x01', "#EXTINF:4,", "b.m4s"),
            *('#EXT-X-MAP:URI="locked.mp4"', "#EXTINF:4,", "c.m4s", "#EXT-X-KEY:METHOD=NONE", "#EXTINF:4,", "d.m4s"),
        )
        first, second, third, fourth = found.segments
        assert first.init == second.init == InitSection("https://cdn.example.com/live/a/clear.mp4", ByteRange(5, 30))
        assert first.key is None
        assert second.key is not None
        assert second.key.url == "https://cdn.example.com/live/a/k1?t=1"
        assert second.key.vector == bytes(15) + b"\x01"
        assert third.init is not None
        assert third.init.key == second.key
        assert fourth.key is None
        assert fourth.init == third.init

    def test_discontinuities_are_numbered_where_the_playlist_numbers_them(self) -> None:
        body = ("#EXTINF:4,", "a.ts", "#EXT-X-DISCONTINUITY", "#EXTINF:4,", "b.ts", "#EXT-X-GAP", "#EXTINF:4,", "c.ts")
        numbered = media("#EXT-X-DISCONTINUITY-SEQUENCE:3", *body).segments
        assert [(one.discontinuity, one.discontinuity_sequence) for one in numbered] == [(False, 3), (True, 4), (False, 4)]
        assert [one.gap for one in numbered] == [False, False, True]
        assert {one.discontinuity_sequence for one in media(*body).segments} == {None}

    def test_a_missing_target_duration_is_taken_from_the_segments(self) -> None:
        found = read_playlist(b"#EXTM3U\n#EXTINF:5.5,\na.ts\n", BASE)
        assert isinstance(found, MediaPlaylist)
        assert found.target_seconds == 5.5

    def test_a_byte_order_mark_and_windows_line_ends_are_forgiven(self) -> None:
        found = read_playlist("\ufeff#EXTM3U\r\n#EXTINF:2,\r\na.ts\r\n".encode(), BASE)
        assert isinstance(found, MediaPlaylist)
        assert found.segments[0].url.endswith("/a.ts")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"<!DOCTYPE html><html><body>Login</body></html>", "HTML"),
        (b"", "an empty body"),
        (b"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'>", "a DASH manifest"),
        (b'{"error": "expired"}', "JSON"),
        (b"G" + bytes(187) + b"G" + bytes(187), "MPEG-TS"),
        (b"\x00\x00\x00\x18ftypisom", "MP4"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
    ],
)
def test_what_is_no_playlist_is_named(body: bytes, named: str) -> None:
    with pytest.raises(SourceError, match=f"expected #EXTM3U, got .*{named}") as raised:
        read_playlist(body, BASE)
    assert raised.value.reason == "playlist"
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "lines",
    [
        ("#EXTINF:abc,", "a.ts"),
        ("#EXTINF:nan,", "a.ts"),
        ("#EXTINF:-4,", "a.ts"),
        ("#EXT-X-MEDIA-SEQUENCE:x",),
        ("#EXT-X-KEY:METHOD=AES-128,URI=k,IV=0xZZ", "#EXTINF:4,", "a.ts"),
        ("#EXT-X-MAP:BYTERANGE=1@0", "#EXTINF:4,", "a.ts"),
        ("#EXT-X-STREAM-INF:RESOLUTION=wide", "a.m3u8"),
        ('#EXT-X-DEFINE:NAME="a",VALUE="b"', "#EXTINF:4,", "{$a}.ts"),
    ],
)
def test_a_damaged_playlist_is_one_error(lines: tuple[str, ...]) -> None:
    with pytest.raises(SourceError) as raised:
        media(*lines)
    assert raised.value.reason == "playlist"


KINDS = (MediaPlaylist, MasterPlaylist)
TAGS = st.sampled_from(
    [
        "#EXTINF:4,",
        "#EXTINF",
        "a.ts",
        "#EXT-X-BYTERANGE:10@",
        "#EXT-X-BYTERANGE:10",
        "#EXT-X-KEY:METHOD",
        "#EXT-X-KEY:METHOD=AES-128",
        "#EXT-X-MAP:URI",
        '#EXT-X-MAP:URI="i.mp4"',
        "#EXT-X-TARGETDURATION:1e999",
        "#EXT-X-MEDIA-SEQUENCE:9",
        "#EXT-X-DISCONTINUITY",
        "#EXT-X-DISCONTINUITY-SEQUENCE:1",
        "#EXT-X-PROGRAM-DATE-TIME:9999-12-31T23:59:59Z",
        "#EXT-X-PROGRAM-DATE-TIME:0001-01-01T00:00:00+05:00",
        "#EXT-X-STREAM-INF:BANDWIDTH=1",
        "#EXT-X-SKIP:",
        "#EXT-X-GAP",
        "#EXT-X-CUE-OUT:DURATION=",
        "#EXT-X-ENDLIST",
    ]
)


@given(st.lists(TAGS | st.text(max_size=30), max_size=12))
def test_no_text_makes_anything_but_a_playlist_or_a_source_error(lines: list[str]) -> None:
    with contextlib.suppress(SourceError):
        assert isinstance(read_playlist("\n".join(["#EXTM3U", *lines]).encode(errors="replace"), BASE), KINDS)
