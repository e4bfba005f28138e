"""Coded parameter sets inside packets: how a change of the coded sequence is noticed without decoding every packet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import av.error

if TYPE_CHECKING:
    from monitor.sources.decoding import CodecTemplate, EncodedPacket

_START_CODE = b"\x00\x00\x01"
_SEARCH_BYTES = 4096
"""Parameter sets come before the first slice; delimiters and SEI messages before them are short."""


def parameter_sets(codec: str, data: bytes) -> bytes:
    """The sequence parameter sets (H.264 7.3.2.1, H.265 7.3.2.2) or sequence header (H.262 6.2.2.1) in an access unit.

    Only of Annex B byte streams and MPEG-2 video; empty where they travel outside the packets, or there are none.
    """
    head = data[:_SEARCH_BYTES]
    if not head.startswith((_START_CODE, b"\x00" + _START_CODE)):
        return b""
    units = head.split(_START_CODE)[1:]
    if codec == "h264":  # nal_ref_idc of a parameter set is never 0 (7.4.1)
        wanted = [unit for unit in units if unit and unit[0] & 0x9F == 7 and unit[0] & 0x60]
    elif codec == "hevc":
        wanted = [unit for unit in units if unit and unit[0] >> 1 == 33]
    elif codec == "mpeg2video":
        wanted = [unit[:8] for unit in units if unit and unit[0] == 0xB3]
    else:
        return b""
    return _START_CODE.join(unit.rstrip(b"\x00") for unit in wanted)


def picture_size(template: CodecTemplate, packet: EncodedPacket) -> tuple[int, int] | None:
    """Width and height of a key frame, by decoding it; ``None`` when that fails."""
    context = av.CodecContext.create(template.name, "r")
    if not isinstance(context, av.VideoCodecContext):
        return None
    context.extradata = template.extradata or None
    try:
        frames = [*context.decode(av.Packet(packet.data)), *context.decode(None)]
    except av.error.FFmpegError:
        return None
    return (frames[0].width, frames[0].height) if frames else None
