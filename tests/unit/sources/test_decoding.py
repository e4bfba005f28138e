"""From encoded bytes to planes: every layout of samples, every kind of damage, exact times."""

from __future__ import annotations

import gc
import io
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import av
import av.video.format
import numpy as np
import pytest

from monitor.errors import BadMedia, NoVideo
from monitor.protocols import DecodedSegment, EncodedSegment
from monitor.sources.decoding import (
    CodecTemplate,
    EncodedPacket,
    PacketSegment,
    best_video,
    look,
    stream_start,
)
from monitor.sources.pixels import planar_format
from tests.unit.sources.pictures import RATE, START, Every, encoded, frames_of, moving, picture, planes, segment, x264

TS_PACKET = 188

AS_THEY_ARE = (
    *("yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuv410p", "yuv420p9le", "yuv420p10le", "yuv422p10le"),
    *("yuv444p10le", "yuv420p12le", "yuv444p12le", "yuv420p14le", "yuv444p16le"),
    *("gray", "gray9le", "gray10le", "gray12le", "gray16le"),
)
HARDWARE = (
    *("vaapi", "cuda", "qsv", "vdpau", "d3d11", "d3d12", "opencl", "vulkan", "drm_prime", "videotoolbox_vld", "xvmc"),
    *("dxva2", "mediacodec", "mmal", "ohcodec", "amf"),
)
"""Beginnings of the names of formats whose frames are in a device's memory."""


class Keyframes(Every):
    keyframes_only = True


# ---- samples


@pytest.mark.parametrize("size", [(64, 48), (66, 50), (33, 17)])
@pytest.mark.parametrize("pixel_format", AS_THEY_ARE)
def test_planar_formats_keep_every_sample(pixel_format: str, size: tuple[int, int]) -> None:
    given = picture(*size, pixel_format)
    wanted = planes(given)
    [frame] = frames_of(encoded([given]))
    assert frame.format.pixel_format == pixel_format
    assert frame.format.frame_bytes == sum(plane.nbytes for plane in frame.planes)
    assert (frame.format.width, frame.format.height) == size
    assert len(frame.planes) == len(wanted)
    for plane, samples in zip(frame.planes, wanted, strict=True):
        np.testing.assert_array_equal(plane, samples)
        assert plane.dtype == (np.uint8 if frame.format.bit_depth == 8 else np.uint16)
        assert plane.flags.c_contiguous
        assert not plane.flags.writeable
    if len(wanted) > 1:
        assert frame.planes[1].shape == (frame.format.chroma_height, frame.format.chroma_width)
    else:
        assert (frame.format.chroma_height, frame.format.chroma_width) == (0, 0)


@pytest.mark.parametrize("width", [64, 96, 130, 1918])
def test_padding_of_rows_is_no_part_of_the_picture(width: int) -> None:
    given = moving(1, width, 32)[0]
    data = encoded([given], codec="libx264", container="mpegts", options={"qp": "0", "preset": "ultrafast"})
    with av.open(io.BytesIO(data)) as container:
        other = next(container.decode(video=0)).to_ndarray()  # PyAV's own way to leave the padding out
    [frame] = frames_of(data)
    np.testing.assert_array_equal(frame.luma, other[:32])
    np.testing.assert_array_equal(frame.planes[1].ravel(), other[32:40].ravel())
    np.testing.assert_array_equal(frame.planes[2].ravel(), other[40:].ravel())


def test_alpha_is_left_out() -> None:
    given = picture(32, 32, "yuva420p")
    wanted = planes(given)[:3]
    [frame] = frames_of(encoded([given]))
    assert frame.format.pixel_format == "yuv420p"
    for plane, samples in zip(frame.planes, wanted, strict=True):
        np.testing.assert_array_equal(plane, samples)


def test_interleaved_chroma_is_told_apart() -> None:
    given = picture(32, 32, "nv12")
    luma, chroma = (np.frombuffer(plane, np.uint8).reshape(plane.height, -1) for plane in given.planes)
    luma, chroma = luma[:, :32].copy(), chroma[:, :32].copy()
    [frame] = frames_of(encoded([given], codec="rawvideo"))
    assert frame.format.pixel_format == "yuv420p"
    np.testing.assert_array_equal(frame.luma, luma)
    np.testing.assert_array_equal(frame.planes[1], chroma[:, 0::2])
    np.testing.assert_array_equal(frame.planes[2], chroma[:, 1::2])


def test_packed_samples_are_told_apart() -> None:
    given = picture(32, 32, "yuyv422")
    packed = np.frombuffer(given.planes[0], np.uint8).reshape(32, -1)[:, :64].copy()
    [frame] = frames_of(encoded([given], codec="rawvideo"))
    assert frame.format.pixel_format == "yuv422p"
    np.testing.assert_array_equal(frame.luma, packed[:, 0::2])
    np.testing.assert_array_equal(frame.planes[1], packed[:, 1::4])
    np.testing.assert_array_equal(frame.planes[2], packed[:, 3::4])


def test_big_endian_samples_are_turned() -> None:
    given = picture(32, 32, "gray16be")
    wanted = np.frombuffer(given.planes[0], ">u2").reshape(32, -1)[:, :32].astype(np.uint16)
    [frame] = frames_of(encoded([given], codec="png", container="mov"))
    assert frame.format.pixel_format == "gray16le"
    np.testing.assert_array_equal(frame.luma, wanted)


@pytest.mark.parametrize("pixel_format", ["gray", "ya8"])
def test_grey_has_no_matrix(pixel_format: str) -> None:
    given = picture(32, 32, "gray").reformat(format=pixel_format)
    [frame] = frames_of(encoded([given], codec="png", container="mov", colorspace=0))  # RGB, as PNG files say
    assert (frame.format.pixel_format, frame.format.matrix, frame.format.rgb) == ("gray", "unknown", False)


def test_bitmaps_are_black_and_white() -> None:
    given = av.VideoFrame(16, 8, "monob")
    samples = np.frombuffer(given.planes[0], np.uint8)
    samples[:] = 0b10101010
    [frame] = frames_of(encoded([given], codec="png", container="mov"))
    assert frame.format.pixel_format == "gray"
    assert frame.format.full_range
    assert not frame.format.rgb
    assert frame.rgb is None
    np.testing.assert_array_equal(frame.luma, np.tile([255, 0], (8, 8)))


RED = {"yuv444p": (81, 90, 240), "yuv444p10le": (4 * 81, 4 * 90, 4 * 240), "yuv444p16le": (256 * 81, 256 * 90, 256 * 240)}
"""Pure red in limited range by ITU-R BT.601: Y = 16 + 219 * 0.299, Cb = 128 - 224 * 0.1687, Cr = 128 + 224 * 0.5."""


@pytest.mark.parametrize(
    ("codec", "container", "pixel_format", "target"),
    [
        ("png", "mov", "rgb24", "yuv444p"),
        ("png", "mov", "rgba", "yuv444p"),
        ("png", "mov", "rgb48be", "yuv444p16le"),
        ("ffv1", "matroska", "bgr0", "yuv444p"),
        ("ffv1", "matroska", "gbrp10le", "yuv444p10le"),
        ("qtrle", "mov", "rgb24", "yuv444p"),
    ],
)
def test_rgb_becomes_limited_range_ycbcr(codec: str, container: str, pixel_format: str, target: str) -> None:
    red = av.VideoFrame.from_ndarray(np.full((16, 16, 3), (255, 0, 0), np.uint8), "rgb24").reformat(format=pixel_format)
    [frame] = frames_of(encoded([red], codec=codec, container=container))
    assert frame.format.pixel_format == target
    assert not frame.format.full_range
    assert frame.format.matrix == "smpte170m"
    assert frame.format.rgb
    assert frame.rgb is not None
    step = 1 << (frame.format.bit_depth - 8)
    for plane, wanted in zip(frame.planes, RED[target], strict=True):
        np.testing.assert_allclose(plane.astype(int), wanted, atol=1.1 * step)


@pytest.mark.parametrize("pixel_format", ["bgr0", "gbrp10le", "rgb48le"])
def test_rgb_keeps_what_it_says_of_its_light(pixel_format: str) -> None:
    data = encoded([picture(32, 32, pixel_format)], color_trc=16, color_primaries=9)
    [frame] = frames_of(data)
    assert (frame.format.transfer, frame.format.primaries) == ("smpte2084", "bt2020")


def test_palettes_are_looked_up() -> None:
    given = av.VideoFrame(16, 16, "pal8")
    np.frombuffer(given.planes[0], np.uint8)[:] = 1
    np.frombuffer(given.planes[1], np.uint32)[:2] = 0xFF00FF00, 0xFFFF0000  # ARGB: green, red
    [frame] = frames_of(encoded([given], codec="png", container="mov"))
    assert frame.format.pixel_format == "yuv444p"
    for plane, wanted in zip(frame.planes, RED["yuv444p"], strict=True):
        np.testing.assert_allclose(plane.astype(int), wanted, atol=1)


def test_every_pixel_format_of_ffmpeg_has_a_planar_one() -> None:
    names = [name for name in sorted(av.video.format.names) if not name.startswith(HARDWARE)]
    assert len(names) > 150
    for name in names:
        target = planar_format(name)
        assert planar_format(target) == target, f"{name} -> {target}"
        planar = av.VideoFormat(target)
        assert len({component.plane for component in planar.components}) == len(planar.components) in (1, 3)
        assert not planar.is_big_endian


@pytest.mark.parametrize("pixel_format", ["bgr4", "yaf32le", "gray32le"])
def test_what_can_not_be_converted_is_named(pixel_format: str) -> None:
    given = av.VideoFrame(16, 16, pixel_format)
    packet = EncodedPacket(b"".join(bytes(plane) for plane in given.planes), 0, 0, 1, True)
    template = CodecTemplate("rawvideo", Fraction(1, 25), width=16, height=16, pixel_format=pixel_format, frame_rate=25.0)
    with pytest.raises(BadMedia, match=f"segment 3 of channel/main: .* can't convert pixel format {pixel_format} to"):
        frames_of(PacketSegment("channel", "main", 3, START, False, Fraction(2), [packet], template))


# ---- what samples mean


@pytest.mark.parametrize(("tagged", "full"), [(None, False), (1, False), (2, True)])
def test_range_of_ycbcr_is_limited_unless_tagged_full(tagged: int | None, full: bool) -> None:
    data = encoded([picture(32, 32, "yuv420p")], color_range=tagged)
    assert frames_of(data)[0].format.full_range is full


@pytest.mark.parametrize(("tagged", "full"), [(None, True), (1, False), (2, True)])
def test_range_of_grey_is_full_unless_tagged_limited(tagged: int | None, full: bool) -> None:
    data = encoded([picture(32, 32, "gray")], color_range=tagged)
    assert frames_of(data)[0].format.full_range is full


def test_jpeg_formats_are_told_by_range_not_by_name() -> None:
    [frame] = frames_of(encoded([picture(32, 32, "yuvj420p")], codec="mjpeg"))
    assert frame.format.pixel_format == "yuv420p"
    assert frame.format.full_range


@pytest.mark.parametrize(("number", "name"), [(1, "bt709"), (6, "smpte170m"), (9, "bt2020nc"), (2, "unknown")])
def test_matrix_is_named_as_in_ffmpeg(number: int, name: str) -> None:
    data = encoded([picture(32, 32, "yuv420p")], colorspace=number)
    assert frames_of(data)[0].format.matrix == name


@pytest.mark.parametrize(("number", "name"), [(1, "bt709"), (16, "smpte2084"), (18, "arib-std-b67"), (2, "unknown")])
def test_transfer_is_named_as_in_ffmpeg(number: int, name: str) -> None:
    data = encoded([picture(32, 32, "yuv420p")], color_trc=number)
    assert frames_of(data)[0].format.transfer == name


@pytest.mark.parametrize(("number", "name"), [(1, "bt709"), (9, "bt2020"), (12, "smpte432"), (2, "unknown")])
def test_primaries_are_named_as_in_ffmpeg(number: int, name: str) -> None:
    data = encoded([picture(32, 32, "yuv420p")], color_primaries=number)
    assert frames_of(data)[0].format.primaries == name


@pytest.mark.parametrize("keyframes_only", [False, True])
@pytest.mark.parametrize("container", ["mpegts", "mp4", "matroska"])
@pytest.mark.parametrize("aspect", [None, Fraction(1), Fraction(16, 15), Fraction(4, 3)])
def test_shape_of_samples(container: str, aspect: Fraction | None, keyframes_only: bool) -> None:
    data = encoded(moving(3), codec="libx264", container=container, sample_aspect_ratio=aspect)
    found = {frame.format.sample_aspect for frame in frames_of(data, keyframes_only=keyframes_only)}
    assert found == {aspect or Fraction(0)}


def test_shape_of_samples_in_a_run_of_packets() -> None:
    data = encoded(moving(3), codec="libx264", container="mpegts", sample_aspect_ratio=Fraction(16, 15))
    assert {frame.format.sample_aspect for frame in frames_of(packet_segment(data))} == {Fraction(16, 15)}


@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
def test_rotation(degrees: int) -> None:
    data = encoded(moving(2), codec="libx264", container="mp4", rotation=(degrees,))
    assert {(frame.format.rotation, frame.format.flipped) for frame in frames_of(data)} == {(degrees, False)}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ((0, True, False), (180, True)),  # left and right swapped: upside down, and turned
        ((0, False, True), (0, True)),
        ((0, True, True), (180, False)),
        ((90, True, False), (90, True)),
        ((90, False, True), (-90, True)),
    ],
)
def test_flips(given: tuple[int, bool, bool], found: tuple[int, bool]) -> None:
    data = encoded(moving(2), codec="libx264", container="mp4", rotation=given)
    assert {(frame.format.rotation, frame.format.flipped) for frame in frames_of(data)} == {found}


def test_a_rotation_is_seen_beside_side_data_that_is_not_known() -> None:
    container = av.open(io.BytesIO(encoded([picture(32, 16, "yuvj420p")], codec="mjpeg", container="mov")))
    with container:
        jpeg = next(bytes(packet) for packet in container.demux(video=0))
    turn_clockwise = b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"  # TIFF with one entry, 0x0112 = 6
    notes = b"Exif\0\0" + turn_clockwise
    jpeg = jpeg[:2] + b"\xff\xe1" + (len(notes) + 2).to_bytes(2, "big") + notes + jpeg[2:]
    packet = EncodedPacket(jpeg, 0, 0, 1, True)
    template = CodecTemplate("mjpeg", Fraction(1, 25), width=32, height=16, frame_rate=25.0)
    [frame] = frames_of(PacketSegment("channel", "main", 3, START, False, Fraction(2), [packet], template))
    assert (frame.format.rotation, frame.format.flipped) == (-90, False)


INTERLACED = {"x264-params": "tff=1", "preset": "ultrafast"}


def test_coding_in_fields() -> None:
    fields = encoded(moving(5), codec="libx264", container="mpegts", options=INTERLACED)
    frames = encoded(moving(5), codec="libx264", container="mpegts")
    assert {frame.format.interlaced for frame in frames_of(fields)} == {True}
    assert {frame.format.interlaced for frame in frames_of(frames)} == {False}


def mixture(first: int) -> PacketSegment:
    """So many frames coded in fields, and five more that are not."""
    fields, later = (
        packet_segment(encoded(moving(count), codec="libx264", container="mpegts", options=options))
        for count, options in ((first, INTERLACED), (5, {"preset": "ultrafast"}))
    )
    shift = first * 90_000 // RATE
    moved = [replace(packet, pts=packet.pts + shift, dts=packet.dts + shift) for packet in later.packets]
    return replace(fields, packets=[*fields.packets, *moved])


@pytest.mark.parametrize(("first", "interlaced"), [(3, False), (7, True)])
def test_coding_in_fields_is_what_most_frames_are(first: int, interlaced: bool) -> None:
    frames = frames_of(mixture(first))
    assert len(frames) == first + 5
    assert frames[0].format.interlaced
    assert frames[-1].format.interlaced is interlaced
    assert len({frame.format for frame in frames}) == 1


def test_a_first_look_tells_the_format() -> None:
    data = encoded(moving(12), codec="libx264", container="mp4", options=INTERLACED, sample_aspect_ratio=Fraction(4, 3))
    with segment(data).decode() as decoding:
        for seen in (decoding.look(), look(segment(data), 8)):
            assert (seen.width, seen.interlaced, seen.sample_aspect) == (64, True, Fraction(4, 3))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_first_look_takes_nothing_away(threads: int) -> None:
    data = x264(30, b_frames=2)
    with segment(data).decode(threads=threads) as decoding:
        seen = decoding.look()
        frames = list(decoding.frames(Every()))
        counts = decoding.frames_expected, decoding.frames_decoded, decoding.start
    expected = frames_of(data)
    assert [(frame.index, frame.pts) for frame in frames] == [(frame.index, frame.pts) for frame in expected]
    assert seen == frames[0].format
    np.testing.assert_array_equal(frames[0].luma, expected[0].luma)
    assert counts == (30, 30, expected[0].pts)


def test_a_look_at_more_frames_tells_what_most_are() -> None:
    mixed = mixture(3)
    assert mixed.decode().look().interlaced
    assert look(mixed, 4).interlaced
    assert not look(mixed, 8).interlaced


def test_a_look_at_nothing() -> None:
    whole = x264(25)
    first = whole.index(b"\x00\x00\x00\x01\x67")
    with pytest.raises(BadMedia):
        segment(whole[:first] + bytes(len(whole) - first)).decode().look()
    broken = packet_segment(whole)
    nothing = replace(broken, packets=[replace(packet, data=bytes(64)) for packet in broken.packets])
    with pytest.raises(BadMedia, match="no picture could be decoded"):
        nothing.decode().look()
    with pytest.raises(BadMedia, match="no picture could be decoded"):
        look(nothing, 8)


# ---- frames outlive their decoder


def test_planes_stay_valid_when_the_decoder_has_gone() -> None:
    data = x264(30, b_frames=2)
    kept = frames_of(data, threads=2)
    copies = [[plane.copy() for plane in frame.planes] for frame in kept]
    for _ in range(3):
        frames_of(x264(30, gop=5))  # the memory that was freed is used again
    gc.collect()
    for frame, copied in zip(kept, copies, strict=True):
        for plane, samples in zip(frame.planes, copied, strict=True):
            np.testing.assert_array_equal(plane, samples)


def test_pictures_go_as_soon_as_nobody_wants_them() -> None:
    def pictures() -> int:
        return sum(type(one) is av.VideoFrame for one in gc.get_objects())  # isinstance asks dead weak references

    data = x264(30)
    gc.collect()
    gc.disable()
    try:
        before = pictures()
        for _ in frames_of(data):
            pass
        left = pictures() - before
    finally:
        gc.enable()
    assert left <= 1, "waiting for Python to look for cycles, which keeps the decoder from using their memory again"


def test_planes_do_not_change_while_the_decoder_goes_on() -> None:
    with segment(x264(40, b_frames=2)).decode() as decoding:
        seen = [(frame.luma, frame.luma.copy()) for frame in decoding.frames(Every())]
    for plane, samples in seen:
        np.testing.assert_array_equal(plane, samples)


def test_unpadded_rows_are_not_copied() -> None:
    [frame] = frames_of(encoded([picture(640, 32, "yuv420p")]))
    assert not any(plane.flags.owndata for plane in frame.planes)


# ---- times


@pytest.mark.parametrize("container", ["mpegts", "mp4", "matroska"])
@pytest.mark.parametrize("b_frames", [0, 3])
def test_frames_come_in_presentation_order_with_exact_times(container: str, b_frames: int) -> None:
    one = segment(x264(50, b_frames=b_frames, container=container))
    with one.decode() as decoding:
        frames = list(decoding.frames(Every()))
    assert [frame.index for frame in frames] == list(range(50))
    steps = {later.pts - earlier.pts for earlier, later in pairwise(frames)}
    assert steps == {Fraction(1, RATE)}
    assert {frame.duration for frame in frames} == {Fraction(1, RATE)}
    assert [frame.index for frame in frames if frame.keyframe] == [0, 25]
    assert (decoding.start, decoding.end) == (frames[0].pts, frames[-1].pts + Fraction(1, RATE))
    assert (decoding.frames_expected, decoding.frames_decoded, decoding.decode_errors) == (50, 50, 0)
    assert decoding.codec == "h264"
    assert decoding.frame_rate == RATE
    assert one.span() == (decoding.start, decoding.end)


@pytest.mark.parametrize("container", ["mp4", "matroska"])
def test_variable_frame_rate_keeps_its_times(container: str) -> None:
    shown = [0, 40, 80, 200, 240, 500, 540, 1000]
    data = encoded(moving(len(shown)), codec="libx264", container=container, options={"bf": "0"}, milliseconds=shown)
    frames = frames_of(data)
    assert [frame.pts for frame in frames] == [Fraction(time, 1000) for time in shown]
    durations = [frame.duration for frame in frames]
    if container == "mp4":  # Matroska blocks carry no durations
        assert durations[:-1] == [Fraction(b - a, 1000) for a, b in pairwise(shown)]
    assert all(duration >= 0 for duration in durations)
    start, end = segment(data).span()
    assert (start, end) == (frames[0].pts, frames[-1].pts + frames[-1].duration)


def test_threads_change_nothing() -> None:
    data = x264(40, b_frames=3)
    alone, together = frames_of(data, threads=1), frames_of(data, threads=4)
    assert [frame.pts for frame in alone] == [frame.pts for frame in together]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.luma, other.luma)


def test_a_segment_decodes_any_number_of_times() -> None:
    one = segment(x264(20))
    first, second = frames_of(one), frames_of(one)
    assert [frame.pts for frame in first] == [frame.pts for frame in second]
    np.testing.assert_array_equal(first[-1].luma, second[-1].luma)


def test_what_an_edit_list_hides_is_not_shown_or_counted() -> None:
    # The first 12 of 50 frames lie before time zero: an MP4 cut between key frames without encoding again.
    pictures = moving(50)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", options={"avoid_negative_ts": "disabled"}) as output:
        stream = output.add_stream("libx264", rate=RATE, options={"bf": "0", "preset": "ultrafast"})
        stream.width, stream.height = 64, 48
        for index, frame in enumerate(pictures):
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            for packet in stream.encode(frame):
                packet.pts, packet.dts = packet.pts - 12, packet.dts - 12
                output.mux(packet)
        for packet in stream.encode(None):
            packet.pts, packet.dts = packet.pts - 12, packet.dts - 12
            output.mux(packet)
    one = segment(buffer.getvalue())
    with one.decode() as decoding:
        frames = list(decoding.frames(Every()))
    assert [frame.pts for frame in frames] == [Fraction(index, RATE) for index in range(38)]
    assert (decoding.frames_expected, decoding.frames_decoded) == (38, 38)
    assert one.span() == (0, Fraction(38, RATE))


@pytest.mark.parametrize("b_frames", [0, 3])
def test_raw_streams_are_timed_by_their_frame_rate(b_frames: int) -> None:
    one = segment(x264(50, b_frames=b_frames, container="h264"))
    frames = frames_of(one)
    assert [frame.pts for frame in frames] == [Fraction(index, RATE) for index in range(50)]
    assert one.span() == (0, 2)
    for frame, same in zip(frames, frames_of(x264(50, b_frames=b_frames)), strict=True):
        np.testing.assert_array_equal(frame.luma, same.luma)


def test_the_codec_is_named_not_its_decoder() -> None:
    data = encoded(moving(10), codec="libsvtav1", container="matroska", options={"preset": "12"})
    with segment(data).decode() as decoding:
        assert len(list(decoding.frames(Every()))) == 10
    assert decoding.codec == "av1"


def test_start_is_found_among_the_first_packets() -> None:
    for b_frames, container in ((0, "mpegts"), (3, "mpegts"), (3, "mp4")):
        data = x264(100, b_frames=b_frames, container=container)
        with av.open(io.BytesIO(data)) as opened:
            stream = best_video(opened)
            assert stream is not None
            start, packets = stream_start(opened, stream, "clip")
            times = [packet.dts for packet in packets]
        assert start == segment(data).span()[0]
        assert len(times) == 100
        assert times == sorted(times)


def test_packets_of_a_codec_that_keeps_their_order_are_not_read_ahead() -> None:
    data = encoded(moving(20), codec="ffv1", container="matroska")
    with av.open(io.BytesIO(data)) as opened:
        stream = best_video(opened)
        assert stream is not None
        start, packets = stream_start(opened, stream, "clip")
        assert start == 0
        following = next(opened.demux(stream))
        assert following.pts is not None
        assert following.pts > 0
        assert len([*packets]) == 19


def test_fragments_decode_with_their_initialisation_section() -> None:
    data = x264(50, container="mp4", muxing={"movflags": "cmaf+frag_keyframe+empty_moov+default_base_moof"})
    cut = data.index(b"moof") - 4
    second = data.index(b"moof", cut + 8) - 4
    init, first, rest = data[:cut], data[cut:second], data[second:]
    assert [frame.pts for frame in frames_of(segment(first, init=init))] == [Fraction(n, RATE) for n in range(25)]
    tail = segment(rest, init=init)
    assert [frame.pts for frame in frames_of(tail)] == [Fraction(n, RATE) for n in range(25, 50)]
    assert tail.span() == (1, 2)
    assert tail.size == len(rest)


# ---- sampling


def test_unwanted_frames_are_counted() -> None:
    class Third(Every):
        def wants(self, pts: Fraction, duration: Fraction, index: int, *, keyframe: bool) -> bool:
            return index % 3 == 0

    with segment(x264(20)).decode() as decoding:
        frames = list(decoding.frames(Third()))
    assert [frame.index for frame in frames] == [0, 3, 6, 9, 12, 15, 18]
    assert decoding.frames_decoded == 20


def test_the_decoder_can_skip_all_but_key_frames() -> None:
    one = segment(x264(50, b_frames=2, gop=10))
    whole = [frame for frame in frames_of(one) if frame.keyframe]
    with one.decode(keyframes_only=True) as decoding:
        keys = list(decoding.frames(Keyframes()))
    assert [frame.pts for frame in keys] == [frame.pts for frame in whole]
    for key, same in zip(keys, whole, strict=True):
        np.testing.assert_array_equal(key.luma, same.luma)
    assert decoding.frames_expected == 50
    assert decoding.frames_decoded == 5
    assert decoding.decode_errors == 0


# ---- damage


def test_empty_segments_are_named() -> None:
    for act in (segment(b"").span, segment(b"").decode):
        with pytest.raises(BadMedia, match="segment 7 of channel/720p is empty") as caught:
            act()
        assert caught.value.reason == "demux"


@pytest.mark.parametrize("data", [b"<html>404 Not Found</html>" * 40, bytes(4000), bytes(range(256)) * 16])
def test_what_is_no_media_is_named(data: bytes) -> None:
    for act in (segment(data).span, segment(data).decode):
        with pytest.raises(BadMedia, match="segment 7 of channel/720p") as caught:
            act()
        assert caught.value.reason == "demux"


def test_a_playlist_in_place_of_a_segment_opens_nothing_else(tmp_path) -> None:
    (tmp_path / "secret.ts").write_bytes(x264(10))
    path = tmp_path / "secret.ts"
    for text in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{path}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{path}'\n",
    ):
        with pytest.raises(BadMedia, match="no media that can be read"):
            segment(text.encode()).decode()


def test_sound_alone_is_no_video() -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mpegts") as output:
        sound = output.add_stream("aac", rate=48_000)
        for index in range(30):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 48_000, 1024 * index
            output.mux(sound.encode(frame))
        output.mux(sound.encode(None))
    with pytest.raises(NoVideo, match="segment 7 of channel/720p has no video stream, only audio"):
        segment(buffer.getvalue()).decode()


def test_cover_art_is_no_video() -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as output:
        art = output.add_stream("mjpeg", rate=RATE)
        art.width = art.height = 32
        art.pix_fmt = "yuvj420p"
        art.disposition = av.stream.Disposition.attached_pic
        film = output.add_stream("libx264", rate=RATE)
        film.width, film.height = 64, 48
        for packet in art.encode(picture(32, 32, "yuvj420p")):
            output.mux(packet)
        for frame in moving(5):
            output.mux(film.encode(frame))
        output.mux(film.encode(None))
    frames = frames_of(buffer.getvalue())
    assert {(frame.format.width, frame.format.height) for frame in frames} == {(64, 48)}


def test_video_without_a_decoder_is_named() -> None:
    data = x264(10, container="mp4").replace(b"avc1", b"zzzz")
    with pytest.raises(BadMedia, match=r"segment 7 of channel/720p.*no decoder") as caught:
        segment(data).decode()
    assert caught.value.reason == "decode"


def test_a_truncated_tail_costs_the_frames_in_it() -> None:
    data = x264(50, gop=10)
    whole = frames_of(data)
    cut = segment(data[: len(data) * 6 // 10 // TS_PACKET * TS_PACKET + 77])
    with cut.decode() as decoding:
        frames = list(decoding.frames(Every()))
    assert 20 < len(frames) < 40
    for one, other in zip(frames[:-1], whole, strict=False):
        np.testing.assert_array_equal(one.luma, other.luma)
    assert decoding.frames_decoded + decoding.decode_errors >= decoding.frames_expected


def test_corrupt_frames_are_left_out_and_counted() -> None:
    data = bytearray(x264(50, gop=10))
    noise = np.random.default_rng(3)
    for number in range(20, len(data) // TS_PACKET, 9):
        at = number * TS_PACKET
        data[at + 30 : at + TS_PACKET] = noise.integers(0, 256, TS_PACKET - 30, dtype=np.uint8).tobytes()
    with segment(bytes(data)).decode() as decoding:
        frames = list(decoding.frames(Every()))
    assert decoding.decode_errors > 0
    assert 0 < len(frames) == decoding.frames_decoded < 50
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert [frame.pts for frame in frames] == sorted(frame.pts for frame in frames)


def test_lost_packets_are_hopped_over() -> None:
    data = x264(50, gop=10)
    count = len(data) // TS_PACKET
    kept = [data[n * TS_PACKET : (n + 1) * TS_PACKET] for n in range(count) if n < 10 or n % 11]
    with segment(b"".join(kept)).decode() as decoding:
        frames = list(decoding.frames(Every()))
    assert 0 < len(frames) <= 50
    assert decoding.decode_errors > 0


# ---- runs of packets


def packet_segment(data: bytes, **changes: object) -> PacketSegment:
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        template = CodecTemplate(
            name=context.name,
            time_base=Fraction(stream.time_base),
            extradata=context.extradata or b"",
            width=context.width,
            height=context.height,
            pixel_format=context.pix_fmt or "",
            frame_rate=float(stream.average_rate),
        )
        packets = [
            EncodedPacket(bytes(packet), packet.pts, packet.dts, packet.duration, packet.is_keyframe)
            for packet in container.demux(stream)
            if packet.size
        ]
    fields = {"packets": packets, "template": template} | changes
    return PacketSegment("channel", "main", 3, START, False, Fraction(2), **fields)


@pytest.mark.parametrize("container", ["mpegts", "mp4", "flv"])
@pytest.mark.parametrize("b_frames", [0, 3])
def test_packets_decode_to_the_same_frames_as_bytes(container: str, b_frames: int) -> None:
    data = x264(50, b_frames=b_frames, container=container)
    bytes_, packets = segment(data), packet_segment(data)
    with bytes_.decode() as one, packets.decode() as other:
        pairs = list(zip(one.frames(Every()), other.frames(Every()), strict=True))
    assert len(pairs) == 50
    for left, right in pairs:
        assert (left.index, left.pts, left.duration, left.keyframe, left.format) == (
            right.index,
            right.pts,
            right.duration,
            right.keyframe,
            right.format,
        )
        for plane, same in zip(left.planes, right.planes, strict=True):
            np.testing.assert_array_equal(plane, same)
    assert (one.frames_expected, one.start, one.end) == (other.frames_expected, other.start, other.end)
    assert packets.span() == bytes_.span()
    assert packets.size == sum(len(packet.data) for packet in packets.packets)


def test_runs_of_packets_skip_to_key_frames_too() -> None:
    with packet_segment(x264(50, gop=10)).decode(keyframes_only=True) as decoding:
        assert len(list(decoding.frames(Keyframes()))) == 5
    assert decoding.frames_expected == 50


def test_a_run_of_no_packets_is_named() -> None:
    empty = packet_segment(x264(5), packets=())
    for act in (empty.span, empty.decode):
        with pytest.raises(BadMedia, match="segment 3 of channel/main"):
            act()


@pytest.mark.parametrize(("codec", "error"), [("no-such-codec", BadMedia), ("aac", NoVideo)])
def test_a_codec_that_gives_no_pictures_is_named(codec: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=codec):
        packet_segment(x264(5), template=CodecTemplate(codec, Fraction(1, 90_000))).decode()


def test_segments_keep_the_protocols() -> None:
    one: EncodedSegment = segment(x264(5))
    other: EncodedSegment = packet_segment(x264(5))
    for each in (one, other):
        decoding: DecodedSegment = each.decode()
        with decoding:
            assert decoding.format is None
            assert decoding.start is None
            assert next(decoding.frames(Every())).format == decoding.format
