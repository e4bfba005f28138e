"""What was planned is what a decoder sees."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from monitor.encoding import CLOCK_HZ
from monitor.errors import BadMedia, UnknownName
from pipelines.demo.channel import SOURCE, Channel
from pipelines.demo.encoder import EncoderJob, SegmentHeader, encode_channel, read_record, write_record
from pipelines.demo.faults import Fault, FaultKind, FaultPlan

PLAN = FaultPlan(
    (
        Fault(FaultKind.BITRATE_COLLAPSE, "180p", 2, 2),
        Fault(FaultKind.FREEZE, "*", 5, 4),  # begins and ends in the middle of a segment
        Fault(FaultKind.BLACK, "120p", 11, 2),
    ),
    duration_seconds=14,
    collapse_factor=0.15,
)
STILL = 2.0
"""Largest change of a block's mean, in code values, between pictures that pass for equal."""


@pytest.fixture(scope="module")
def channel(small_channel) -> Channel:
    return replace(small_channel, segment_frames=50, rungs=small_channel.rungs[:2])


@pytest.fixture(scope="module")
def decoded(channel):
    """Luma of every frame by rendition, (frames, height, width); and all PTS."""
    data = dict.fromkeys(channel.names, b"")
    for header, segment in encode_channel(EncoderJob(channel, PLAN)):
        data[header.rendition] += segment
    result = {}
    for name, stream in data.items():
        with av.open(io.BytesIO(stream)) as container:
            frames = list(container.decode(video=0))
        result[name] = (np.stack([f.to_ndarray()[: f.height] for f in frames]), [f.pts for f in frames])
    return result


def block_change(luma: np.ndarray) -> np.ndarray:
    """Largest change of a 16x16 block's mean from each picture to the next."""
    height, width = (16 * (size // 16) for size in luma.shape[1:])
    blocks = luma[:, :height, :width].reshape(len(luma), height // 16, 16, width // 16, 16).mean(axis=(2, 4))
    return np.abs(np.diff(blocks, axis=0)).max(axis=(1, 2))


def test_all_renditions_run_through_on_one_timeline(decoded):
    for _, pts in decoded.values():
        assert pts == [10 * CLOCK_HZ + 3600 * n for n in range(14 * 25)]


def test_a_collapse_costs_more_than_six_decibels_and_passes(decoded):
    reference, luma = decoded[SOURCE][0].astype(float), decoded["180p"][0].astype(float)
    error = ((luma - reference) ** 2).mean(axis=(1, 2)).reshape(7, 50)
    psnr = 10 * np.log10(255**2 / error.mean(axis=1))
    assert psnr[0] > 32
    assert psnr[1] < psnr[0] - 6
    assert psnr[5] == pytest.approx(psnr[0], abs=1.5)


def test_a_freeze_stands_still_but_for_the_key_frames(decoded):
    change = block_change(decoded["180p"][0])
    # Changes n -> n+1 between the frozen pictures 125 to 224; those of a segment's first picture apart.
    frozen = np.delete(change[125:224], [149 - 125, 199 - 125])
    moving = np.concatenate([change[:124], change[225:]])
    assert frozen.max() < STILL
    assert moving.min() > STILL  # the collapsed segment moves as well
    assert len(np.unique(decoded["180p"][0][125:225].reshape(100, -1), axis=0)) > 3  # encoded anew, not repeated


def test_black_is_black_from_picture_to_picture_and_only_there(decoded):
    black = (decoded["120p"][0] <= 38).mean(axis=(1, 2)) > 0.98
    assert list(np.flatnonzero(black)) == list(range(11 * 25, 13 * 25))
    assert not ((decoded["180p"][0] <= 38).mean(axis=(1, 2)) > 0.98).any()


def test_the_source_stays_healthy(decoded):
    assert block_change(decoded[SOURCE][0]).min() > STILL


def test_same_job_same_bytes(small_channel):
    job = EncoderJob(small_channel, FaultPlan((), 0.8))
    assert list(encode_channel(job)) == list(encode_channel(job))


def test_a_job_without_end_continues_with_healthy_pictures(small_channel):
    plan = FaultPlan((Fault(FaultKind.BLACK, "*", 0, 0.4),), 0.4)
    job = EncoderJob(small_channel, plan, forever=True)
    assert EncoderJob(small_channel, plan).segments == 1
    segments = encode_channel(job)
    seen = [next(segments) for _ in range(3 * len(small_channel.names))]
    assert [header.sequence for header, _ in seen] == [0] * 4 + [1] * 4 + [2] * 4
    sizes = {(header.sequence, header.rendition): header.size for header, _ in seen}
    assert sizes[0, "180p"] < sizes[1, "180p"] / 2


def test_channel_knows_its_renditions(small_channel):
    assert small_channel.names == ("source", "180p", "120p", "90p")
    assert small_channel.segment_seconds == Fraction(2, 5)
    with pytest.raises(UnknownName, match="'720p'"):
        small_channel.settings("720p")


class TestPipe:
    HEADER = SegmentHeader("180p", 7, "avc1.42c01f", 4)

    def test_records_come_back(self):
        pipe = io.BytesIO()
        write_record(pipe, self.HEADER, b"\n{}\n")
        write_record(pipe, replace(self.HEADER, sequence=8), b"data")
        pipe.seek(0)
        assert read_record(pipe) == (self.HEADER, b"\n{}\n")
        assert read_record(pipe) == (replace(self.HEADER, sequence=8), b"data")
        assert read_record(pipe) is None

    @pytest.mark.parametrize("missing", [1, 10])
    def test_a_pipe_that_breaks_within_a_record(self, missing):
        pipe = io.BytesIO()
        write_record(pipe, self.HEADER, b"data")
        with pytest.raises(BadMedia, match="encoder stopped"):
            read_record(io.BytesIO(pipe.getvalue()[:-missing]))
