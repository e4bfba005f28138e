"""What two videos must have in common to be compared, and what is said of the rest."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from monitor.errors import UnsupportedFormat
from monitor.sources.mismatch import check, check_samples, differences
from monitor.types import VideoFormat

HD = VideoFormat(1920, 1080, "yuv420p", chroma_width=960, chroma_height=540)
PAL = VideoFormat(720, 576, "yuv420p", chroma_width=360, chroma_height=288, sample_aspect=Fraction(16, 15))


def of(base: VideoFormat = HD, **changes: Any) -> VideoFormat:
    return replace(base, **changes)


def sized(width: int, height: int, **changes: Any) -> VideoFormat:
    return of(HD, width=width, height=height, chroma_width=-(-width // 2), chroma_height=-(-height // 2), **changes)


def names(*formats: VideoFormat, **how: Any) -> list[str]:
    check(*formats[:2])
    return [difference.name for difference in differences(*formats, **how)]


def refused(distorted: VideoFormat, reference: VideoFormat) -> str:
    with pytest.raises(UnsupportedFormat) as caught:
        check(distorted, reference)
    return str(caught.value)


def test_nothing_is_said_of_equal_formats() -> None:
    assert names(HD, HD) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"full_range": True}, [("range", "full range converted to limited")]),
        (
            {"pixel_format": "yuv422p", "chroma_height": 1080},
            [("chroma", "4:2:2 converted to 4:2:0")],
        ),
        ({"pixel_format": "gray", "chroma_width": 0, "chroma_height": 0}, [("chroma", "grey converted to 4:2:0")]),
        ({"pixel_format": "yuv420p10le", "bit_depth": 10}, [("depth", "10 bits converted to 8")]),
        ({"matrix": "smpte170m"}, [("matrix", "matrix smpte170m converted to bt709")]),
        ({"matrix": "unknown"}, []),
        ({"primaries": "smpte170m"}, [("primaries", "primaries smpte170m, those of its reference bt709: not converted")]),
        ({"primaries": "unknown"}, []),
    ],
)
def test_what_is_converted_has_a_name(change: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    reference = of(matrix="bt709", primaries="bt709")
    check(of(reference, **change), reference)
    assert list(differences(of(reference, **change), reference)) == expected


def test_both_sides_may_be_brought_to_another_depth() -> None:
    deep = of(pixel_format="yuv420p10le", bit_depth=10)
    assert [found.detail for found in differences(HD, HD, deep)] == [
        "8 bits converted to 10 and its reference's 8 bits converted to 10"
    ]
    assert [found.detail for found in differences(deep, HD, deep)] == ["its reference's 8 bits converted to 10"]


# ---- size and shape


@pytest.mark.parametrize("size", [(1280, 720), (854, 480), (640, 360), (426, 240), (480, 272), (256, 144), (62, 35)])
def test_sizes_of_one_shape_are_scaled(size: tuple[int, int]) -> None:
    [found] = differences(sized(*size), HD, scaling="lanczos")
    check(sized(*size), HD)
    assert found == ("scaled", f"{size[0]}x{size[1]} scaled to 1920x1080 (lanczos)")


@pytest.mark.parametrize("size", [(640, 352), (320, 176)])
def test_sizes_nearly_of_one_shape_are_scaled_and_that_is_told(size: tuple[int, int]) -> None:
    check(sized(*size), HD)
    assert names(sized(*size), HD) == ["scaled", "aspect"]


@pytest.mark.parametrize("size", [(1920, 800), (1440, 1080), (1920, 1038), (720, 576)])
def test_sizes_of_another_shape_are_refused(size: tuple[int, int]) -> None:
    text = refused(sized(*size), HD)
    assert f"can't compare {size[0]}x{size[1]} yuv420p, shown at {size[0] / size[1]:.3f}:1, with" in text
    assert "crop or pad one side, or correct its sample aspect ratio" in text


@pytest.mark.parametrize(
    ("distorted", "expected"),
    [
        (of(PAL), []),
        (sized(768, 576, sample_aspect=Fraction(1)), ["scaled", "sar"]),
        (sized(768, 576), ["scaled", "sar"]),  # square where nothing is said
        (sized(360, 288), ["scaled", "sar"]),  # or as on the other side
        (of(PAL, sample_aspect=Fraction(0)), ["sar"]),
        (of(PAL, sample_aspect=Fraction(12, 11)), ["sar"]),
        (sized(1024, 576, sample_aspect=Fraction(3, 4)), ["scaled", "sar"]),
    ],
)
def test_shapes_of_samples(distorted: VideoFormat, expected: list[str]) -> None:
    assert names(distorted, PAL) == names(PAL, distorted) == expected


@pytest.mark.parametrize(
    "distorted", [of(PAL, sample_aspect=Fraction(64, 45)), sized(1024, 576), sized(1024, 576, sample_aspect=1)]
)
def test_a_wide_picture_is_no_narrow_one(distorted: VideoFormat) -> None:
    assert "720x576 yuv420p, shown at 1.333:1 with samples of 16:15: scaling" in refused(distorted, PAL)


def test_unset_and_square_samples_are_the_same() -> None:
    assert names(of(sample_aspect=Fraction(1)), HD) == names(HD, of(sample_aspect=Fraction(1))) == []


def test_what_rounding_the_width_does_to_samples_is_no_news() -> None:
    assert names(sized(854, 480, sample_aspect=Fraction(1280, 1281)), HD) == ["scaled"]


def test_a_turned_picture_is_refused() -> None:
    assert "turned by 90 degrees to be shown, with a reference turned by 0" in refused(of(rotation=90), HD)
    assert names(of(rotation=90), of(rotation=90)) == []


def test_a_mirrored_picture_is_refused() -> None:
    assert "which is flipped upside down to be shown, with a reference turned by 0 degrees" in refused(of(flipped=True), HD)
    assert "with a reference mirrored left to right" in refused(HD, of(flipped=True, rotation=180))
    assert "flipped upside down and turned by 90 degrees" in refused(of(flipped=True, rotation=90), of(rotation=90))
    assert names(of(flipped=True), of(flipped=True)) == []


# ---- RGB


RGB = of(pixel_format="yuv444p", chroma_width=1920, chroma_height=1080, matrix="smpte170m", rgb=True)


def test_what_becomes_of_rgb_is_said() -> None:
    hd, deep = of(matrix="bt709"), of(matrix="bt709", pixel_format="yuv420p10le", bit_depth=10, full_range=True)
    assert list(differences(hd, RGB, hd)) == [
        ("rgb", "its reference's RGB converted to 4:2:0 of limited range by matrix bt709")
    ]
    assert list(differences(RGB, deep)) == [
        ("rgb", "RGB converted to 4:2:0 of full range by matrix bt709"),
        ("depth", "8 bits converted to 10"),
    ]
    assert list(differences(RGB, RGB)) == [
        ("rgb", "RGB, as its reference is: both converted to 4:4:4 of limited range by matrix smpte170m")
    ]
    [(name, detail)] = differences(HD, RGB, HD)
    assert name == "rgb"
    assert detail.endswith("by matrix smpte170m, as by FFmpeg: the other side does not name its own")


# ---- fields


def test_fields_are_no_frames() -> None:
    assert "can't compare interlaced 1920x1080 yuv420p with progressive" in refused(of(interlaced=True), HD)
    assert "can't compare progressive 1920x1080 yuv420p with interlaced" in refused(HD, of(interlaced=True))
    assert "bwdif" in refused(HD, of(interlaced=True))
    check_samples(HD, of(interlaced=True))


def test_fields_beside_fields_are_said_and_never_mixed() -> None:
    assert names(of(interlaced=True), of(interlaced=True)) == ["interlaced"]
    assert names(sized(1440, 1080, sample_aspect=Fraction(4, 3), interlaced=True), of(interlaced=True)) == [
        *("scaled", "sar", "interlaced")
    ]
    assert "would mix its fields" in refused(sized(1280, 720, interlaced=True), of(interlaced=True))
    assert "would mix its fields" in refused(
        of(pixel_format="yuv422p", chroma_height=1080, interlaced=True), of(interlaced=True)
    )


def test_fields_that_are_compared_all_the_same_are_said() -> None:
    def told(distorted: VideoFormat, reference: VideoFormat) -> list[str]:
        return [found.detail for found in differences(distorted, reference) if found.name == "interlaced"]

    assert told(of(interlaced=True), HD) == ["interlaced, its reference progressive: compared as if both were progressive"]
    assert told(HD, of(interlaced=True)) == ["progressive, its reference interlaced: compared as if both were progressive"]
    assert told(sized(1280, 720, interlaced=True), of(interlaced=True)) == [
        "interlaced, as its reference is: scaled as if both were progressive"
    ]
    assert told(HD, HD) == []


# ---- light


@pytest.mark.parametrize("high", ["smpte2084", "arib-std-b67"])
@pytest.mark.parametrize("standard", ["bt709", "smpte170m", "bt2020-10", "iec61966-2-1"])
def test_high_and_standard_dynamic_range_are_told_apart(high: str, standard: str) -> None:
    for pair in ((high, standard), (standard, high)):
        text = refused(*(of(transfer=name) for name in pair))
        assert high in text
        assert standard in text
        assert "tonemap" in text


def test_two_high_dynamic_ranges_are_two() -> None:
    assert "in PQ (smpte2084) with a reference in HLG (arib-std-b67)" in refused(
        of(transfer="smpte2084"), of(transfer="arib-std-b67")
    )
    assert "linear light" in refused(of(transfer="linear"), of(transfer="bt709"))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("bt709", "smpte170m", []),
        ("bt709", "bt2020-10", []),
        ("unknown", "bt709", []),
        ("bt709", "unknown", []),
        ("bt470bg", "bt709", ["transfer"]),
        ("iec61966-2-1", "bt709", ["transfer"]),
        ("smpte2084", "smpte2084", ["hdr"]),
        ("unknown", "smpte2084", ["transfer", "hdr"]),
        ("arib-std-b67", "unknown", ["transfer", "hdr"]),
    ],
)
def test_transfers_that_may_be_compared(old: str, new: str, expected: list[str]) -> None:
    assert names(of(transfer=old), of(transfer=new)) == expected


def test_a_matrix_without_a_table_is_refused() -> None:
    assert "ycgco is not supported" in refused(of(matrix="ycgco"), of(matrix="bt709"))
    assert names(of(matrix="ycgco"), of(matrix="ycgco")) == []


def test_what_a_stream_says_of_showing_it_is_no_change_of_format() -> None:
    shown = of(transfer="bt709", primaries="bt709", sample_aspect=Fraction(1), interlaced=True, rotation=90, flipped=True)
    assert shown == HD
    assert hash(shown) == hash(HD)
