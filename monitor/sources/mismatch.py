"""What differs between a video and its reference: named where it is converted, refused where the numbers would be wrong."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from monitor.errors import UnsupportedFormat
from monitor.sources.pixels import matrices

if TYPE_CHECKING:
    from monitor.types import VideoFormat

ASPECT_ROUNDING = Fraction(1, 100)
"""How far apart two display aspects may be and count as one: sides are rounded to even samples (854x480). Where a side has
fewer than a hundred samples, one sample more or less is more than that."""

ASPECT_TOLERANCE = Fraction(3, 100)
"""How far apart they may be and be compared all the same, which is said: encoders that want multiples of 16 make 640x352 of
16:9, 2.3 % off, by squeezing or by cropping. Films in 1.85:1 are 4 % wider than 16:9."""

SAMPLE_ASPECT_TOLERANCE = Fraction(1, 40)
"""The same for frames of one size, where nothing is scaled: 16:15 and 12:11 are two ways to write down the samples of PAL,
2.3 % apart, as 8:9 and 10:11 are of NTSC."""

_HIGH_DYNAMIC_RANGES = {"smpte2084": "PQ", "arib-std-b67": "HLG"}
_SCENE_LIGHT = ("linear", "log100", "log316", "smpte428")
_ONE_CURVE = ("bt709", "smpte170m", "bt2020-10", "bt2020-12")
"""Names of the same curve (ITU-R BT.709, BT.601, BT.2020)."""


class Difference(NamedTuple):
    """Something about the formats of two videos that the reader of their comparison should know."""

    name: str
    """For machines: scaled, sar, aspect, rgb, chroma, depth, range, matrix, transfer, primaries, hdr, interlaced."""
    detail: str
    """The same for people, to follow the name of the file."""


def check(distorted: VideoFormat, reference: VideoFormat) -> None:
    """Refuse two videos whose samples can't be brought to mean the same.

    What one side does not say about itself is taken to be as on the other.

    Raises:
        UnsupportedFormat: as ``check_scan`` and ``check_samples`` say.
    """
    check_scan(distorted, reference)
    check_samples(distorted, reference)


def check_scan(distorted: VideoFormat, reference: VideoFormat) -> None:
    """Refuse two videos whose fields would be mixed.

    Raises:
        UnsupportedFormat: only one is interlaced, or both are and have different rows.
    """
    if distorted.interlaced != reference.interlaced:
        raise UnsupportedFormat(
            f"can't compare {_scan(distorted)} {distorted} with {_scan(reference)} {reference}: the fields of two moments "
            "are no picture; deinterlace the interlaced side first (FFmpeg: bwdif), or correct its flag where its pictures "
            "are progressive (FFmpeg: setfield=prog)"
        )
    if distorted.interlaced and _rows(distorted) != _rows(reference):
        raise UnsupportedFormat(
            f"can't convert interlaced {distorted} to {reference}: that would mix its fields; deinterlace both sides first "
            "(FFmpeg: bwdif)"
        )


def check_samples(distorted: VideoFormat, reference: VideoFormat) -> None:
    """``check`` without what only many frames can tell: whether a video is interlaced.

    Raises:
        UnsupportedFormat: they differ in dynamic range, rotation or mirroring, the shape of the picture, or a matrix that
            can't be converted.
    """
    matrices(distorted.matrix, reference.matrix)
    ranges = _dynamic_range(distorted), _dynamic_range(reference)
    if all(ranges) and ranges[0] != ranges[1]:
        raise UnsupportedFormat(
            f"can't compare {distorted} in {ranges[0]} ({distorted.transfer}) with a reference in {ranges[1]} "
            f"({reference.transfer}): equal samples are unequal light; convert one side to the other's transfer (FFmpeg: "
            "zscale and tonemap), or correct its tag where that is wrong"
        )
    if (distorted.rotation, distorted.flipped) != (reference.rotation, reference.flipped):
        raise UnsupportedFormat(
            f"can't compare {distorted}, which is {_turned(distorted)} to be shown, with a reference {_turned(reference)}; "
            "turn one side (ffmpeg does when it encodes)"
        )
    if not _one_shape(distorted, reference):
        raise UnsupportedFormat(
            f"can't compare {distorted}, shown {_shown(distorted)}, with a reference of {reference}, shown "
            f"{_shown(reference)}: scaling would distort the picture; crop or pad one side, or correct its sample aspect "
            "ratio where that is wrong (FFmpeg: setsar)"
        )


def differences(
    distorted: VideoFormat, reference: VideoFormat, target: VideoFormat | None = None, *, scaling: str = "bicubic"
) -> Iterator[Difference]:
    """What is done to two videos that ``check`` lets pass, and what else their comparison depends on.

    Args:
        distorted: The one side.
        reference: The other.
        target: What both were converted to; the reference's own format where it is not given.
        scaling: Name of the interpolation.
    """
    target = target or reference
    if (distorted.width, distorted.height) != (target.width, target.height):
        size, goal = f"{distorted.width}x{distorted.height}", f"{target.width}x{target.height}"
        yield Difference("scaled", f"{size} scaled to {goal} ({scaling})")
    old, new = distorted.sample_aspect or Fraction(1), reference.sample_aspect or Fraction(1)
    if max(old / new, new / old) - 1 > ASPECT_ROUNDING:
        yield Difference(
            "sar", f"samples {_shape(distorted.sample_aspect)}, those of its reference {_shape(reference.sample_aspect)}"
        )
    if not _one_shape(distorted, reference, ASPECT_ROUNDING):
        detail = f"shown {_shown(distorted)}, its reference {_shown(reference)}: scaled as if it were squeezed, not cropped"
        yield Difference("aspect", detail)
    yield from _rgb(distorted, reference, target)
    if not distorted.rgb and _sampling(distorted) != _sampling(target):
        yield Difference("chroma", f"{_sampling(distorted)} converted to {_sampling(target)}")
    deepened = [
        f"{whose}{side.bit_depth} bits converted to {target.bit_depth}"
        for whose, side in (("", distorted), ("its reference's ", reference))
        if side.bit_depth != target.bit_depth
    ]
    if deepened:
        yield Difference("depth", " and ".join(deepened))
    if not distorted.rgb and distorted.full_range != target.full_range:
        yield Difference(
            "range", "full range converted to limited" if distorted.full_range else "limited range converted to full"
        )
    if not distorted.rgb and matrices(distorted.matrix, target.matrix) is not None:
        yield Difference("matrix", f"matrix {distorted.matrix} converted to {target.matrix}")
    yield from _light(distorted, reference)
    if distorted.interlaced != reference.interlaced:
        detail = f"{_scan(distorted)}, its reference {_scan(reference)}: compared as if both were progressive"
        yield Difference("interlaced", detail)
    elif distorted.interlaced and _rows(distorted) != _rows(target):
        yield Difference("interlaced", "interlaced, as its reference is: scaled as if both were progressive")
    elif distorted.interlaced:
        yield Difference("interlaced", "interlaced, as its reference is: both fields of a frame are compared as one picture")


def _rgb(distorted: VideoFormat, reference: VideoFormat, target: VideoFormat) -> Iterator[Difference]:
    """What RGB is converted to, and by which matrix."""
    if not (distorted.rgb or reference.rgb):
        return
    assumed = "matrix smpte170m, as by FFmpeg: the other side does not name its own"
    matrix = assumed if target.matrix == "unknown" else f"matrix {target.matrix}"
    into = f"{_sampling(target)} of {'full' if target.full_range else 'limited'} range by {matrix}"
    whose = "" if distorted.rgb else "its reference's "
    what = "RGB, as its reference is: both" if distorted.rgb and reference.rgb else f"{whose}RGB"
    yield Difference("rgb", f"{what} converted to {into}")


def _light(distorted: VideoFormat, reference: VideoFormat) -> Iterator[Difference]:
    """What transfers and primaries have to say; neither is converted."""
    old, new = distorted.transfer, reference.transfer
    high = _HIGH_DYNAMIC_RANGES.keys() & {old, new}
    alike = old == new or (old in _ONE_CURVE and new in _ONE_CURVE)
    if not alike and (high or "unknown" not in (old, new)):
        yield Difference("transfer", f"transfer {old}, that of its reference {new}: taken to be the same")
    if high:
        kind = " and ".join(_HIGH_DYNAMIC_RANGES[name] for name in sorted(high))
        yield Difference("hdr", f"high dynamic range ({kind}): VMAF's models were made for standard dynamic range")
    if distorted.primaries != reference.primaries and "unknown" not in (distorted.primaries, reference.primaries):
        detail = f"primaries {distorted.primaries}, those of its reference {reference.primaries}: not converted"
        yield Difference("primaries", detail)


def _dynamic_range(side: VideoFormat) -> str:
    """How samples become light, by what can be told apart; ``""`` where the stream does not say."""
    if side.transfer in _SCENE_LIGHT:
        return f"{side.transfer} light"
    return _HIGH_DYNAMIC_RANGES.get(side.transfer, "" if side.transfer == "unknown" else "standard dynamic range")


def _turned(side: VideoFormat) -> str:
    turned = f"turned by {side.rotation} degrees"
    if not side.flipped:
        return turned
    return {0: "flipped upside down", 180: "mirrored left to right"}.get(side.rotation, f"flipped upside down and {turned}")


def _scan(side: VideoFormat) -> str:
    return "interlaced" if side.interlaced else "progressive"


def _rows(side: VideoFormat) -> tuple[int, int]:
    return side.height, side.chroma_height


def _sampling(side: VideoFormat) -> str:
    return ":".join(side.pixel_format[3:6]) if side.chroma_width else "grey"


def _shape(aspect: Fraction) -> str:
    return f"are {aspect.numerator}:{aspect.denominator}" if aspect else "have no aspect ratio"


def _shown(side: VideoFormat) -> str:
    aspect = side.sample_aspect
    samples = f" with samples of {aspect.numerator}:{aspect.denominator}" if aspect else ""
    return f"at {float(_display_aspect(side, aspect or Fraction(1))):.3f}:1{samples}"


def _display_aspect(side: VideoFormat, sample_aspect: Fraction) -> Fraction:
    return sample_aspect * side.width / side.height


def _one_shape(distorted: VideoFormat, reference: VideoFormat, most: Fraction = ASPECT_TOLERANCE) -> bool:
    """Whether scaling keeps the shape of the picture; samples of unknown shape are square or like the other side's."""
    pairs = [(distorted.sample_aspect or Fraction(1), reference.sample_aspect or Fraction(1))]
    if not (distorted.sample_aspect and reference.sample_aspect):
        known = distorted.sample_aspect or reference.sample_aspect or Fraction(1)
        pairs.append((known, known))
    sides = distorted.width, distorted.height, reference.width, reference.height
    tolerance = SAMPLE_ASPECT_TOLERANCE if sides[:2] == sides[2:] else max(most, Fraction(1, min(sides)))
    ratios = [_display_aspect(distorted, old) / _display_aspect(reference, new) for old, new in pairs]
    return any(max(ratio, 1 / ratio) - 1 <= tolerance for ratio in ratios)
