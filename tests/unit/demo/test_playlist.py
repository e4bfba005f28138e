"""The playlists are what a client of another make understands, and the window slides."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import m3u8
import pytest

from pipelines.demo.channel import Channel
from pipelines.demo.playlist import LivePlaylist, PublishedSegment, master_playlist

T0 = datetime(2026, 11, 21, 23, 59, 57, 123000, tzinfo=UTC)


def segment(sequence, data=b"x"):
    return PublishedSegment(sequence, T0 + timedelta(seconds=2 * sequence), Fraction(2), data)


@pytest.fixture
def playlist():
    return LivePlaylist(Fraction(2), window=3, kept=2)


def test_window_slides_and_sequence_numbers_follow(playlist):
    for sequence in range(7):
        playlist.publish(segment(sequence))
        parsed = m3u8.loads(playlist.render())
        first = max(0, sequence - 2)
        assert parsed.media_sequence == first
        assert [entry.uri for entry in parsed.segments] == [f"{n}.ts" for n in range(first, sequence + 1)]
        assert [entry.program_date_time for entry in parsed.segments] == [
            T0 + timedelta(seconds=2 * n) for n in range(first, sequence + 1)
        ]
        assert {entry.duration for entry in parsed.segments} == {2.0}
        assert (parsed.target_duration, parsed.is_endlist, parsed.is_independent_segments) == (2, False, True)


def test_segments_can_be_had_a_while_longer_than_they_are_announced(playlist):
    for sequence in range(7):
        playlist.publish(segment(sequence, f"data {sequence}".encode()))
    assert [playlist.segment(n) for n in range(8)] == [
        None,
        None,
        b"data 2",
        b"data 3",
        b"data 4",
        b"data 5",
        b"data 6",
        None,
    ]


def test_a_missing_segment_is_announced_and_not_there(playlist):
    playlist.publish(segment(0))
    playlist.publish(segment(1, None))
    assert [entry.uri for entry in m3u8.loads(playlist.render()).segments] == ["0.ts", "1.ts"]
    assert playlist.segment(1) is None


def test_the_end_is_announced(playlist):
    playlist.publish(segment(0))
    playlist.end()
    assert m3u8.loads(playlist.render()).is_endlist


def test_an_empty_playlist_is_valid(playlist):
    parsed = m3u8.loads(playlist.render())
    assert (len(parsed.segments), parsed.media_sequence) == (0, 0)


@pytest.mark.parametrize(("seconds", "target"), [(Fraction(2), 2), (Fraction(2002, 1000), 3), (Fraction(2, 5), 1)])
def test_target_duration_is_a_whole_number_that_no_segment_exceeds(seconds, target):
    assert m3u8.loads(LivePlaylist(seconds).render()).target_duration == target


def test_master_lists_the_rungs_and_not_the_source():
    channel = Channel()
    parsed = m3u8.loads(master_playlist(channel, {rung.name: "avc1.42c01f" for rung in channel.rungs}))
    assert parsed.is_variant
    assert [entry.uri for entry in parsed.playlists] == ["540p/index.m3u8", "360p/index.m3u8", "270p/index.m3u8"]
    best = parsed.playlists[0].stream_info
    assert (best.resolution, best.frame_rate, best.codecs) == ((960, 540), 25.0, "avc1.42c01f")
    assert best.bandwidth > best.average_bandwidth > channel.rungs[0].bitrate_bps
