"""How FFmpeg says that a picture is turned or mirrored, and what comparing such files gives."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import imageio_ffmpeg
import pytest

from monitor.errors import UnsupportedFormat
from monitor.scorers import resolve
from monitor.sources.decoding import look
from monitor.sources.file import FileSegment
from pipelines.comparing import compare_files

PICTURE = "testsrc2=s=128x72:r=25:d=0.2"


def ffmpeg(*words: str | Path) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("orientation") / "plain.mp4"
    ffmpeg("-f", "lavfi", "-i", PICTURE, "-pix_fmt", "yuv420p", path)
    return path


@pytest.mark.parametrize("container", ["mp4", "mkv"])
@pytest.mark.parametrize(
    ("how", "rotation", "flipped", "said"),
    [
        ([], 0, False, ""),
        (["-display_vflip"], 0, True, "flipped upside down"),
        (["-display_hflip"], 180, True, "mirrored left to right"),
        (["-display_hflip", "-display_vflip"], 180, False, "turned by 180 degrees"),
        (["-display_rotation", "180", "-display_hflip"], 0, True, "flipped upside down"),
        (["-display_rotation", "90"], 90, False, "turned by 90 degrees"),
        (["-display_rotation", "-90"], -90, False, "turned by -90 degrees"),
        (["-display_rotation", "90", "-display_hflip"], 90, True, "flipped upside down and turned by 90 degrees"),
        (["-display_rotation", "90", "-display_vflip"], -90, True, "flipped upside down and turned by -90 degrees"),
        (["-display_rotation", "33"], 33, False, "turned by 33 degrees"),
    ],
)
def test_what_a_player_turns_is_refused_by_name(
    how: list[str], rotation: int, flipped: bool, said: str, container: str, plain: Path, tmp_path: Path
) -> None:
    made = tmp_path / f"shown.{container}"
    ffmpeg(*how, "-i", plain, "-c", "copy", made)
    found = look(FileSegment(str(made), datetime.now(UTC), "shown"), 1)
    assert (found.rotation, found.flipped) == (rotation, flipped)
    [as_it_is] = compare_files([str(made)], str(made), resolve(["psnr"]))
    assert as_it_is.error is None
    [compared] = compare_files([str(made)], str(plain), resolve(["psnr"]))
    if not said:
        assert compared.error is None
    else:
        assert isinstance(compared.error, UnsupportedFormat)
        assert f"which is {said} to be shown, with a reference turned by 0 degrees; turn one side" in str(compared.error)
