"""From the words of ``vqmon watch`` to its settings."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from monitor.errors import ConfigError
from pipelines.watching import build_config, merged, stopped_by_signals, unique_names

NOTHING: dict[str, object] = {"reference": None, "metrics": None, "realtime": None, "sampling": None}
CONFIG = """
streams:
  - {name: a, url: https://example.com/a.m3u8, sampling: {mode: bursts, burst_frames: 4}}
  - {name: b, url: https://example.com/b.m3u8, metrics: [blur]}
store: sqlite:///old.db
notifiers: [{type: webhook, url: https://pager.example.com}]
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "watch.YAML"
    path.write_text(CONFIG)
    return str(path)


def test_bare_inputs_become_streams() -> None:
    config = build_config(["https://example.com/live/master.m3u8", "film.mp4"], stream=NOTHING, top={"store": None})
    assert [(stream.name, stream.url) for stream in config.streams] == [
        ("example.com/live", "https://example.com/live/master.m3u8"),
        ("film", "film.mp4"),
    ]
    assert config.store == "sqlite:///vqmon.db"


def test_words_hold_for_every_bare_input() -> None:
    words = {"metrics": ["blur"], "sampling": {"mode": "rate", "per_second": 5.0}, "reference": "source.mp4"}
    config = build_config(["a.mp4", "b.mp4"], stream=words, top={"listen": ":9000", "evidence": {"dir": Path("shots")}})
    for stream in config.streams:
        assert (stream.metrics, stream.sampling.per_second, stream.reference) == (("blur",), 5.0, "source.mp4")
    assert config.listen == ":9000"
    assert config.evidence is not None
    assert config.evidence.dir == Path("shots")


def test_a_configuration_is_taken_as_it_is(file: str) -> None:
    config = build_config([file], stream=NOTHING, top={"store": None, "notifiers": None})
    assert [stream.name for stream in config.streams] == ["a", "b"]
    assert (config.store, len(config.notifiers)) == ("sqlite:///old.db", 1)
    assert "listen" not in config.model_fields_set


def test_words_go_over_a_configuration_setting_by_setting(file: str) -> None:
    config = build_config([file], stream={**NOTHING, "sampling": {"burst_frames": 7}}, top={"store": "sqlite:///new.db"})
    first, second = config.streams
    assert (first.sampling.mode, first.sampling.burst_frames) == ("bursts", 7)
    assert (second.sampling.mode, second.sampling.burst_frames, second.metrics) == ("rate", 7, ("blur",))
    assert (config.store, len(config.notifiers)) == ("sqlite:///new.db", 1)


def test_wrong_words_are_blamed_on_the_command_line() -> None:
    with pytest.raises(ConfigError, match=r"^command line: streams\.0\.sampling\.mode: "):
        build_config(["a.mp4"], stream={"sampling": {"mode": "often"}}, top={})
    with pytest.raises(ConfigError, match=r"^command line: listen: 'x' is no HOST:PORT"):
        build_config(["a.mp4"], stream=NOTHING, top={"listen": "x"})


def test_a_configuration_does_not_mix_with_inputs(file: str) -> None:
    with pytest.raises(ConfigError, match="is a configuration; give it alone, or give inputs alone"):
        build_config(["a.mp4", file], stream=NOTHING, top={})


def test_a_configuration_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't read the configuration"):
        build_config([str(tmp_path / "nowhere.yml")], stream=NOTHING, top={})


def test_merging_goes_into_nested_settings_and_replaces_lists() -> None:
    below = {"a": 1, "nested": {"x": 1, "y": 2}, "list": [1, 2]}
    assert merged(below, {"nested": {"y": 3}, "list": [4], "b": 2}) == {
        "a": 1,
        "nested": {"x": 1, "y": 3},
        "list": [4],
        "b": 2,
    }
    assert below == {"a": 1, "nested": {"x": 1, "y": 2}, "list": [1, 2]}


@pytest.mark.parametrize(
    ("names", "unique"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a-2", "a-3"]),
        (["a-2", "a", "a"], ["a-2", "a", "a-3"]),
        (["a", "a", "a-2"], ["a", "a-2", "a-2-2"]),
        ([], []),
    ],
)
def test_names_are_made_unique(names: list[str], unique: list[str]) -> None:
    assert unique_names(names) == unique


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_sets_the_stop_and_handlers_come_back(number: signal.Signals) -> None:
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    stop = threading.Event()
    with stopped_by_signals(stop) as received:
        signal.raise_signal(number)
        assert stop.is_set()
        assert received == [number]
    assert {one: signal.getsignal(one) for one in before} == before


def test_a_second_interrupt_interrupts() -> None:
    with stopped_by_signals(threading.Event()):
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
