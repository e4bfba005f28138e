"""Segments are self-contained, continue the channel's timeline, and bad settings are named."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from monitor.encoding import CLOCK_HZ, EncodeSettings, encode_segment, rfc6381_codec
from monitor.errors import BadMedia, ConfigError, NoVideo, UnsupportedFormat

SETTINGS = EncodeSettings(128, 72, Fraction(25), crf=20, preset="ultrafast")


def pictures(count, *, width=128, height=72, first=0, dtype=np.uint8, gain=1):
    """A ramp that moves to the right by two pixels a frame, coloured."""
    for index in range(first, first + count):
        row = 40 + (np.arange(width) - 2 * index) % 160
        luma = np.ascontiguousarray(np.broadcast_to(row * gain, (height, width))).astype(dtype)
        shape = (height // 2, width // 2)
        yield luma, np.full(shape, 90 * gain, dtype), np.full(shape, 160 * gain, dtype)


def packets(data):
    with av.open(io.BytesIO(data)) as container:
        return [
            (packet.pts, packet.dts, packet.is_keyframe, packet.is_corrupt)
            for packet in container.demux(video=0)
            if packet.size
        ]


def frames(data):
    with av.open(io.BytesIO(data)) as container:
        return [(frame.pts, frame.to_ndarray()) for frame in container.decode(video=0)]


@pytest.mark.parametrize("preset", ["ultrafast", "veryfast"])  # without and with reordered pictures
def test_segments_continue_one_timeline(preset):
    settings = replace(SETTINGS, preset=preset)
    segments = [encode_segment(pictures(50, first=50 * k), settings, start_pts=CLOCK_HZ * (10 + 2 * k)) for k in range(3)]
    whole = packets(b"".join(segments))
    assert sorted(pts for pts, _, _, _ in whole) == [CLOCK_HZ * 10 + 3600 * n for n in range(150)]
    decoding = [dts for _, dts, _, _ in whole]
    assert all(b - a == 3600 for a, b in itertools.pairwise(decoding))
    assert [n for n, (_, _, key, _) in enumerate(whole) if key] == [0, 50, 100]
    assert not any(corrupt for _, _, _, corrupt in whole)
    assert [pts for pts, _ in frames(b"".join(segments))] == [CLOCK_HZ * 10 + 3600 * n for n in range(150)]


def test_a_segment_decodes_on_its_own_to_the_pictures_that_went_in():
    originals = list(pictures(10, first=30))
    decoded = frames(encode_segment(originals, replace(SETTINGS, crf=4), start_pts=CLOCK_HZ))
    assert len(decoded) == 10
    for (_, picture), (luma, cb, cr) in zip(decoded, originals, strict=True):
        assert np.abs(picture[:72].astype(int) - luma).mean() < 2
        assert np.abs(picture[72:90].astype(int) - cb.reshape(18, 128)).max() < 4
        assert np.abs(picture[90:].astype(int) - cr.reshape(18, 128)).max() < 4


def test_key_frames_stand_where_the_gop_puts_them():
    assert [n for n, packet in enumerate(packets(encode_segment(pictures(30), replace(SETTINGS, gop=12)))) if packet[2]] == [
        0,
        12,
        24,
    ]
    assert [n for n, packet in enumerate(packets(encode_segment(pictures(300), SETTINGS))) if packet[2]] == [0]


def test_frame_rates_that_do_not_divide_the_clock_are_rounded_without_drift():
    data = encode_segment(pictures(24), replace(SETTINGS, frame_rate=Fraction(24000, 1001)), start_pts=CLOCK_HZ)
    assert [pts - CLOCK_HZ for pts, _ in frames(data)] == [round(n * Fraction(90000 * 1001, 24000)) for n in range(24)]


def test_pictures_of_another_size_are_scaled():
    data = encode_segment(pictures(3, width=256, height=144), replace(SETTINGS, crf=4))
    _, picture = frames(data)[0]
    assert picture.shape == (108, 128)
    (luma, _, _) = next(pictures(1, width=256, height=144))
    expected = luma.astype(float).reshape(72, 2, 128, 2).mean(axis=(1, 3))
    assert np.abs(picture[:72] - expected)[:, 4:60].mean() < 3


def test_ten_bit_pictures():
    settings = replace(SETTINGS, pixel_format="yuv420p10le", crf=4)
    _, picture = frames(encode_segment(pictures(2, dtype=np.uint16, gain=4), settings))[0]
    assert picture.dtype == np.uint16
    assert np.abs(picture[:72].astype(int) - next(pictures(1, dtype=np.uint16, gain=4))[0]).mean() < 8


def test_a_peak_holds_the_bitrate():
    rng = np.random.default_rng(5)
    chroma = np.full((36, 64), 128, np.uint8)
    noise = [(rng.integers(16, 235, (72, 128), dtype=np.uint8), chroma, chroma) for _ in range(50)]
    limited = replace(SETTINGS, crf=None, bitrate_bps=200_000, peak_bitrate_bps=200_000)
    unlimited = replace(SETTINGS, crf=20)
    # Two seconds, plus the buffer of one second, plus MPEG-TS packaging.
    assert len(encode_segment(noise, limited)) * 8 < 3 * 200_000 * 1.2 < len(encode_segment(noise, unlimited)) * 8


def test_equal_input_gives_equal_bytes():
    assert encode_segment(pictures(20), SETTINGS, start_pts=7) == encode_segment(pictures(20), SETTINGS, start_pts=7)


@pytest.mark.parametrize(("codec", "container", "name"), [("libx265", "mpegts", "hevc"), ("libvpx-vp9", "webm", "vp9")])
def test_other_codecs_and_containers(codec, container, name):
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    settings = replace(SETTINGS, codec=codec, container=container, preset="", options=options)
    data = encode_segment(pictures(5), settings, start_pts=CLOCK_HZ)
    with av.open(io.BytesIO(data)) as opened:
        assert opened.streams.video[0].codec_context.name == name
        assert [frame.pts * frame.time_base for frame in opened.decode(video=0)] == [1 + Fraction(n, 25) for n in range(5)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"codec": "libx999"}, "'libx999' is no video encoder"),
        ({"codec": "aac"}, "'aac' is no video encoder"),
        ({"container": "nope"}, "'nope' is no container"),
        ({"pixel_format": "nope"}, "'nope' is no pixel format"),
        ({"pixel_format": "rgb24"}, "can't encode 128x72 rgb24 with libx264"),
        ({"preset": "warp"}, "preset=warp"),
        ({"options": {"nonsense": "1"}}, "libx264 has no option nonsense"),
    ],
)
def test_what_ffmpeg_does_not_know_is_named(change, says):
    settings = replace(SETTINGS, **change)
    planes = [(np.zeros((72, 128 * 3), np.uint8),)] if change.get("pixel_format") == "rgb24" else pictures(2)
    with pytest.raises(ConfigError, match=says):
        encode_segment(planes, settings)


@pytest.mark.parametrize(
    "change", [{"crf": None}, {"bitrate_bps": 1000}, {"width": 0}, {"frame_rate": Fraction(0)}, {"threads": 0}]
)
def test_settings_that_contradict_themselves(change):
    with pytest.raises(ConfigError):
        replace(SETTINGS, **change)


def test_planes_that_are_no_picture():
    luma, cb, cr = next(pictures(1))
    with pytest.raises(UnsupportedFormat, match="3 planes, not 1"):
        encode_segment([(luma,)], SETTINGS)
    with pytest.raises(UnsupportedFormat, match=r"plane 1 .* is \(36, 64\) uint8, not \(72, 128\) uint8"):
        encode_segment([(luma, luma, cr)], SETTINGS)
    with pytest.raises(UnsupportedFormat, match="uint16"):
        encode_segment([(luma.astype(np.uint16), cb, cr)], SETTINGS)


def test_nothing_to_encode():
    with pytest.raises(NoVideo):
        encode_segment([], SETTINGS)


def test_codec_string():
    # Constrained baseline (42c0), as ultrafast has neither CABAC nor B pictures; high (6400) otherwise. Level by size.
    assert rfc6381_codec(encode_segment(pictures(10), SETTINGS)).startswith("avc1.42c0")
    assert rfc6381_codec(encode_segment(pictures(10), replace(SETTINGS, preset="medium"))).startswith("avc1.6400")
    settings = replace(SETTINGS, codec="libx265", preset="ultrafast", options={"x265-params": "log-level=none"})
    with pytest.raises(BadMedia, match="hevc"):
        rfc6381_codec(encode_segment(pictures(10), settings))
    with pytest.raises(BadMedia, match="5 bytes"):
        rfc6381_codec(b"noise")
