from __future__ import annotations

from typing import Any

import pytest

from monitor import scorers
from monitor.errors import ConfigError, UnsupportedFormat


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("window_size", 14, "option 'window_size' must be 15 to 127, not 14"),
        ("topk", 0.0, "option 'topk' must be 0.0001 to 1, not 0.0"),
        ("max_log_contrast", 6, "option 'max_log_contrast' must be 0 to 5, not 6"),
        ("cambi_eotf", "srgb", "option 'cambi_eotf' must be one of bt1886, pq, not 'srgb'"),
        ("cambi_high_res_speedup", 720, "must be one of 0, 1080, 1440, 2160, not 720"),
    ],
)
def test_options_are_checked(option: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=f"metric 'cambi': .*{message}"):
        scorers.create("cambi", {option: value})


def test_the_encoded_picture_must_be_large_enough_too(studio: Any) -> None:
    scorer = scorers.create("cambi", {"enc_width": 160, "enc_height": 90})
    with pytest.raises(UnsupportedFormat, match="encoded picture whose longer side is at least 216, not 160x90"):
        scorer.prepare(studio.format(320, 180))
    scorer.prepare(studio.format(320, 80))  # smaller one way than the encode is said to be: taken as it is


def test_the_encoded_size_counts(studio: Any, spoilers: Any) -> None:
    form = studio.format(480, 270)
    frame = studio.pairs(1, form, spoilers.banded(1))[0].distorted

    def score(**options: object) -> float:
        scorer = scorers.create("cambi", options)
        scorer.prepare(form)
        return float(next(iter(scorer.score([frame]))).value)

    assert score(enc_width=480, enc_height=270) == score() > 1
    assert score(enc_width=320, enc_height=180) != score()
    assert score(enc_bitdepth=10) > score(enc_bitdepth=8) == score()
