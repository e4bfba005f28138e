"""Offsets of real pictures, encoded in several ways, found to the exact frame."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from monitor.alignment.tracking import Track, Tracker
from monitor.encoding import EncodeSettings, encode_segment
from monitor.sampling import Every
from monitor.sources.file import FileSegment
from monitor.types import Plane
from pipelines.syncing import Located, find_offset

WIDTH, HEIGHT, FRAMES, RATE = 480, 272, 120, Fraction(25)
START = datetime(2026, 11, 21, tzinfo=UTC)

CONTENTS = ("bikes.mp4", "bigbuckbunny.mp4", "cockatoo_yuv420.mp4", "friday.mp4", "flower.mp4", "car-detection.mp4")

ENCODES = {
    "h264.mp4": EncodeSettings(WIDTH, HEIGHT, RATE, crf=30, preset="veryfast", container="mp4"),
    "h264.ts": EncodeSettings(WIDTH, HEIGHT, RATE, crf=40, preset="veryfast", gop=48),
    "mpeg2.mkv": EncodeSettings(
        WIDTH, HEIGHT, RATE, codec="mpeg2video", bitrate_bps=400_000, gop=15, container="matroska", options={"bf": "2"}
    ),
}
"""B frames that move the first time away from zero, sparse and many key frames, three time bases, mild and heavy losses."""

Picture = Sequence[Plane]


def frames_of(path: Path, count: int = FRAMES) -> list[Picture]:
    with av.open(str(path)) as container:
        return [
            [np.asarray(plane) for plane in _planes(frame.reformat(WIDTH, HEIGHT, "yuv420p"))]
            for frame in islice(container.decode(video=0), count)
        ]


def _planes(frame: av.VideoFrame) -> list[Plane]:
    whole = frame.to_ndarray()
    quarter = HEIGHT * WIDTH // 4
    flat = whole.reshape(-1)
    luma, chroma = flat[: HEIGHT * WIDTH].reshape(HEIGHT, WIDTH), flat[HEIGHT * WIDTH :]
    return [luma, *(chroma[start : start + quarter].reshape(HEIGHT // 2, WIDTH // 2) for start in (0, quarter))]


def reference_of(rate: Fraction = RATE) -> EncodeSettings:
    return EncodeSettings(WIDTH, HEIGHT, rate, crf=16, preset="veryfast", gop=40, container="mp4")


def found(distorted: Path, reference: Path, *, window: float = 5.0) -> Located:
    one, other = (FileSegment(str(path), START, path.name) for path in (distorted, reference))
    return find_offset(one, other, window=window, threads=1)


@pytest.fixture
def write(tmp_path: Path):  # type: ignore[no-untyped-def]
    def written(name: str, pictures: Sequence[Picture], settings: EncodeSettings, start_pts: int = 126_000) -> Path:
        path = tmp_path / name
        path.write_bytes(encode_segment(pictures, settings, start_pts=start_pts))
        return path

    return written


@pytest.mark.parametrize("content", CONTENTS)
def test_known_offsets_are_found_to_the_frame(content: str, shared: Path, write) -> None:  # type: ignore[no-untyped-def]
    source = frames_of(shared / "data" / "content" / "clips" / content)
    references = {late: write(f"reference{late}.mp4", source[late:], reference_of()) for late in (0, 31)}
    for name, settings in ENCODES.items():
        for lost in (0, 44):
            distorted = write(f"{lost}{name}", source[lost:], settings)
            for late, reference in references.items():
                located = found(distorted, reference)
                assert (located.offset_frames, located.reason) == (lost - late, ""), (name, lost, late, located)
                assert located.offset == pytest.approx((lost - late) / 25, abs=0.002)
                assert located.confidence > 0.5 > located.second_best
                assert located.letterbox == ""
                assert located.rates == (25.0, 25.0)


def at_rate(pictures: Sequence[Picture], old: float, new: float) -> list[Picture]:
    """Pictures shown at ``old`` a second as a conversion to ``new`` a second shows them, by repeating and leaving out."""
    return [
        pictures[min(int(index * old / new + 0.25), len(pictures) - 1)] for index in range(int(len(pictures) * new / old))
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [("25", "50"), ("50", "25"), ("30000/1001", "30"), ("30", "30000/1001"), ("24", "30"), ("30", "24")],
)
def test_frame_rates_may_differ(old: str, new: str, shared: Path, write) -> None:  # type: ignore[no-untyped-def]
    film = frames_of(shared / "data" / "content" / "clips" / "bikes.mp4", 240)
    for lost, late in ((20, 0), (0, 25)):
        before, after = Fraction(old), Fraction(new)
        reference = write("reference.mp4", film[late:], reference_of(before))
        settings = EncodeSettings(WIDTH, HEIGHT, after, crf=30, preset="veryfast")
        distorted = write("distorted.ts", at_rate(film[lost:], float(before), float(after)), settings)
        located = found(distorted, reference)
        assert located.sure, located
        assert located.offset_frames == lost - late
        assert located.offset == pytest.approx(float((lost - late) / before), abs=0.5 / 24)
        assert located.rates == pytest.approx((float(after), float(before)), rel=1e-4)
        track = followed(distorted, reference, located.offset)
        assert (track.dropped, track.duplicated, track.frozen, track.unlike, track.shifted) == (0, 0, 0, 0, 0)


def boxed(pictures: Sequence[Picture], rows: int, columns: int) -> list[Picture]:
    """Shrunk into a picture with black bars of so many rows above and below and columns left and right."""
    made = []
    for luma, *chroma in pictures:
        planes = []
        for plane, shrink, black in ((luma, 1, 16), (chroma[0], 2, 128), (chroma[1], 2, 128)):
            height, width = plane.shape[0] - 2 * rows // shrink, plane.shape[1] - 2 * columns // shrink
            out = np.full_like(plane, black)
            inner = cv2.resize(np.ascontiguousarray(plane), (width, height), interpolation=cv2.INTER_AREA)
            out[rows // shrink : rows // shrink + height, columns // shrink : columns // shrink + width] = inner
            planes.append(out)
        made.append(planes)
    return made


@pytest.mark.parametrize(("rows", "columns"), [(32, 0), (0, 60)])
@pytest.mark.parametrize("which", ["distorted", "reference"])
def test_bars_are_seen_and_left_out(rows: int, columns: int, which: str, shared: Path, write) -> None:  # type: ignore[no-untyped-def]
    film = frames_of(shared / "data" / "content" / "clips" / "bikes.mp4")
    plain, barred = film[12:], boxed(film[12:], rows, columns)
    whole, whole_barred = film, boxed(film, rows, columns)
    distorted = write("distorted.ts", barred if which == "distorted" else plain, ENCODES["h264.ts"])
    reference = write("reference.mp4", whole_barred if which == "reference" else whole, reference_of())
    located = found(distorted, reference)
    assert (located.sure, located.offset_frames) == (True, 12)
    bars = located.bars[0 if which == "distorted" else 1]
    assert (bars.top, bars.bottom, bars.left, bars.right) == pytest.approx((rows, rows, columns, columns), abs=12)
    assert which in located.letterbox
    assert located.bars[1 if which == "distorted" else 0].area.top == 0


def test_bars_on_both_are_no_difference(shared: Path, write) -> None:  # type: ignore[no-untyped-def]
    film = boxed(frames_of(shared / "data" / "content" / "clips" / "bikes.mp4"), 32, 0)
    located = found(write("distorted.ts", film[7:], ENCODES["h264.ts"]), write("reference.mp4", film, reference_of()))
    assert (located.offset_frames, located.sure, located.letterbox) == (7, True, "")


def test_a_static_scene_cannot_tell(shared: Path, write) -> None:  # type: ignore[no-untyped-def]
    still = [frames_of(shared / "data" / "content" / "clips" / "bikes.mp4", 40)[39]] * FRAMES
    located = found(write("distorted.ts", still[10:], ENCODES["h264.ts"]), write("reference.mp4", still, reference_of()))
    assert not located.sure
    assert located.reason.startswith("static")
    assert located.confidence < 0.5


def test_other_content_is_told(shared: Path, write) -> None:  # type: ignore[no-untyped-def]
    clips = shared / "data" / "content" / "clips"
    distorted = write("distorted.ts", frames_of(clips / "bikes.mp4"), ENCODES["h264.ts"])
    located = found(distorted, write("reference.mp4", frames_of(clips / "friday.mp4"), reference_of()))
    assert located.reason.startswith("not the same content")


def test_what_repeats_is_ambiguous(shared: Path, write) -> None:  # type: ignore[no-untyped-def]
    loop = frames_of(shared / "data" / "content" / "clips" / "bikes.mp4", 20) * 8
    located = found(write("distorted.ts", loop[30:90], ENCODES["h264.ts"]), write("reference.mp4", loop, reference_of()))
    assert located.reason.startswith("ambiguous")


FAULTS = {
    "none": list(range(FRAMES)),
    "drop": [index for index in range(FRAMES) if index != 70],
    "insertion": [*range(70), *range(69, FRAMES)],
    "repeat": [69 if index == 70 else index for index in range(FRAMES)],
    "freeze": [69 if 70 <= index < 85 else index for index in range(FRAMES)],
}
"""Which picture each frame shows. Encoded at a steady rate, so that times hide what is missing or more."""


def followed(distorted: Path, reference: Path, offset: float = 0.0) -> Track:
    tracker = Tracker(offset)
    for path, tell in ((reference, tracker.reference), (distorted, tracker.distorted)):
        with FileSegment(str(path), START, path.name).decode() as decoding:
            for frame in decoding.frames(Every()):
                tell(frame)
    return tracker.result()


@pytest.mark.parametrize("content", ["bikes.mp4", "friday.mp4", "bigbuckbunny.mp4"])
def test_faults_are_counted_and_do_not_shift_what_follows(content: str, shared: Path, write) -> None:  # type: ignore[no-untyped-def]
    film = frames_of(shared / "data" / "content" / "clips" / content)
    reference = write("reference.mp4", film, reference_of())
    for name, settings in ENCODES.items():
        counted = {}
        for fault, shown in FAULTS.items():
            found = followed(write(fault + name, [film[index] for index in shown], settings), reference)
            counted[fault] = (found.dropped, found.duplicated, found.frozen, found.unlike)
            if fault in ("drop", "insertion"):
                assert found.shifted == pytest.approx(FRAMES - 70, abs=7), (name, fault)
                assert (found.partners[80:] == np.array(shown)[80:]).all(), (name, fault)
            else:
                assert found.shifted == 0, (name, fault)
                assert found.matched == FRAMES - found.duplicated - found.frozen
        assert counted["none"] == (0, 0, 0, 0), name
        assert counted["drop"] == (1, 0, 0, 0), name
        # what is repeated before it is encoded may be blended with its neighbours
        assert counted["freeze"] == (pytest.approx(15, abs=1), pytest.approx(0, abs=1), pytest.approx(15, abs=1), 0), name
        assert counted["repeat"] in ((1, 1, 0, 0), (0, 0, 0, 0)), name
        assert counted["insertion"] in ((0, 1, 0, 0), (0, 0, 0, 0)), name


def test_a_drop_that_leaves_a_gap_shifts_nothing(shared: Path, write) -> None:  # type: ignore[no-untyped-def]
    film = frames_of(shared / "data" / "content" / "clips" / "friday.mp4")
    reference = write("reference.mp4", film, reference_of())
    tracker = Tracker(0.0)
    with FileSegment(str(reference), START, "reference").decode() as decoding:
        for frame in decoding.frames(Every()):
            tracker.reference(frame)
            if frame.index not in (50, 90, 91):
                tracker.distorted(frame)
    found = tracker.result()
    assert (found.dropped, found.duplicated, found.shifted, found.matched) == (3, 0, 0, FRAMES - 3)
    assert sorted(set(range(FRAMES)) - set(found.partners.tolist())) == [50, 90, 91]
