"""A channel that is small enough to be encoded in a test."""

from __future__ import annotations

import pytest

from pipelines.demo.channel import Channel, Rung


@pytest.fixture(scope="session")
def small_channel() -> Channel:
    """Three rungs of 0.4 s segments (10 frames)."""
    return Channel(
        width=320,
        height=180,
        segment_frames=10,
        rungs=(Rung("180p", 320, 180, 600_000), Rung("120p", 208, 120, 300_000), Rung("90p", 160, 90, 150_000)),
    )
