"""Clips that the file commands are tried on; made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.pipelines.forms import make_clips


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two-second clips of the same moving picture in many forms, and of files that are none."""
    return make_clips(tmp_path_factory.mktemp("clips"))
