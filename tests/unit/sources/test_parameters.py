from __future__ import annotations

from pathlib import Path

import av
import pytest

from monitor.sources.decoding import CodecTemplate, EncodedPacket
from monitor.sources.parameters import parameter_sets, picture_size

from .media import clip


def first_packets(path: Path) -> tuple[str, list[bytes]]:
    with av.open(str(path)) as container:
        return container.streams.video[0].codec_context.name, [bytes(p) for p in container.demux(video=0) if p.size]


@pytest.mark.parametrize(("codec", "name"), [("libx264", "a.ts"), ("libx265", "b.ts"), ("mpeg2video", "c.ts")])
def test_key_frames_carry_them_and_others_do_not(tmp_path: Path, codec: str, name: str):
    decoder, packets = first_packets(clip(tmp_path / name, codec=codec, seconds=1, gop=12))
    assert parameter_sets(decoder, packets[0])
    assert parameter_sets(decoder, packets[1]) == b""


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg2video"])
def test_they_change_with_the_size_and_not_with_the_pictures(tmp_path: Path, codec: str):
    sets = {}
    for name, size, seconds in (("a", (64, 48), 1), ("b", (64, 48), 2), ("c", (96, 64), 1)):
        decoder, packets = first_packets(clip(tmp_path / f"{name}.ts", codec=codec, size=size, seconds=seconds))
        sets[name] = parameter_sets(decoder, packets[0])
    assert sets["a"] == sets["b"] != sets["c"]


def test_length_prefixed_packets_carry_them_outside(tmp_path: Path):
    decoder, packets = first_packets(clip(tmp_path / "a.mp4", seconds=1))
    assert parameter_sets(decoder, packets[0]) == b""


@pytest.mark.parametrize("data", [b"", b"\x00\x00\x01", b"\x00\x00\x01\x00\x00\x01", b"\x00\x00\x00\x01\x67"])
def test_broken_packets_do_not_trouble(data: bytes):
    assert parameter_sets("h264", data) in (b"", b"\x67")
    assert parameter_sets("hevc", data) == b""
    assert parameter_sets("av1", data) == b""


def test_the_size_of_a_key_frame_is_read_by_decoding_it(tmp_path: Path):
    decoder, packets = first_packets(clip(tmp_path / "a.ts", size=(96, 64), seconds=1))
    with av.open(str(tmp_path / "a.ts")) as container:
        template = CodecTemplate(decoder, container.streams.video[0].time_base)
    assert picture_size(template, EncodedPacket(packets[0], 0, 0, 0, keyframe=True)) == (96, 64)
    assert picture_size(template, EncodedPacket(b"\x00\x00\x01junk", 0, 0, 0, keyframe=True)) is None


@pytest.mark.parametrize("other", ["libx265", "mpeg2video"])
def test_another_codec_has_none(tmp_path: Path, other: str):
    _, packets = first_packets(clip(tmp_path / "a.ts", codec=other, seconds=1, size=(160, 120), gop=12))
    assert {parameter_sets("h264", packet) for packet in packets} == {b""}
