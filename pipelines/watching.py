"""From the words of ``vqmon watch`` to a running monitor: settings, signals, exit code."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain, count
from pathlib import Path
from types import FrameType

from rich.console import Console

from monitor.errors import ConfigError
from pipelines.config import StreamConfig, WatchConfig, check_config, load_config, stream_name
from pipelines.live import LiveMonitor, Summary
from pipelines.logs import complain, configure_logging
from pipelines.outputs import STDOUT
from pipelines.screen import WatchScreen

CONFIG_SUFFIXES = (".yaml", ".yml")


def build_config(inputs: Sequence[str], *, stream: Mapping[str, object], top: Mapping[str, object]) -> WatchConfig:
    """A configuration file, or one made of bare inputs, with the command line's words over it.

    Args:
        inputs: One configuration file, or URLs and paths.
        stream: Settings of every stream; ``None`` leaves the configuration's own.
        top: Settings of the monitor; likewise.

    Raises:
        ConfigError: a setting is wrong.
    """
    changes, settings = _given(stream), _given(top)
    files = [word for word in inputs if word.lower().endswith(CONFIG_SUFFIXES)]
    if files and len(inputs) > 1:
        raise ConfigError(f"{files[0]} is a configuration; give it alone, or give inputs alone")
    if files:
        config = load_config(Path(files[0]))
        document = config.model_dump(exclude_unset=True)
        document["streams"] = [merged(one.model_dump(exclude_unset=True), changes) for one in config.streams]
        return check_config(merged(document, settings), where=files[0])
    names = unique_names([stream_name(url) for url in inputs])
    streams = [{"name": name, "url": url, **changes} for name, url in zip(names, inputs, strict=True)]
    return check_config({"streams": streams, **settings}, where="command line")


def _given(words: Mapping[str, object]) -> dict[str, object]:
    """The settings that were given, without the ``None`` of those that were not."""
    given: dict[str, object] = {}
    for key, value in words.items():
        inner = _given(value) if isinstance(value, Mapping) else value
        if inner is not None and inner != {}:
            given[key] = inner
    return given


def merged(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    """``below`` with the settings of ``above`` over it, nested ones setting by setting."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def unique_names(names: Sequence[str]) -> list[str]:
    """``names`` with ``-2``, ``-3`` ... after repeated ones."""
    unique: dict[str, None] = {}
    for name in names:
        numbered = (f"{name}-{number}" for number in count(2))
        unique[next(one for one in chain((name,), numbered) if one not in unique)] = None
    return list(unique)


@contextmanager
def stopped_by_signals(stop: threading.Event) -> Iterator[list[int]]:
    """Set ``stop`` at SIGINT or SIGTERM, which are listed; a second one ends the process the ordinary way."""
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        stop.set()
        signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_watch(config: WatchConfig, *, quiet: bool = False, verbose: bool = False) -> int:
    """Watch until the inputs end or a signal comes; the exit code.

    0 when everything ended or SIGTERM asked for it, 1 when an input could not be read or scores were lost, 130 after Ctrl-C.
    """
    stop = threading.Event()
    console = Console(stderr=config.out == STDOUT, highlight=False)  # standard output is for people, or for the results
    with WatchScreen(console, quiet=quiet) as screen, stopped_by_signals(stop) as received:
        monitor = LiveMonitor(
            config,
            on_result=screen.result,
            on_alert=screen.alert,
            on_event=screen.event,
            on_listen=screen.listening,
            log_alerts=False,
            prepare_child=partial(configure_logging, verbose=verbose),
        )
        summary = monitor.run(stop)
    _farewell(summary, config.streams)
    if signal.SIGINT in received:
        return 130
    return 1 if summary.failures or summary.lost else 0


def _farewell(summary: Summary, streams: Sequence[StreamConfig]) -> None:
    for failure in summary.failures:
        complain(failure)
    if summary.lost:
        complain(f"{summary.lost} results and events could not be stored and are lost")
    if summary.segments:
        plural = "" if len(streams) == 1 else "s"
        fired = sum(alert.ends_at is None for alert in summary.alerts)
        scored = f"{summary.segments} segments, {summary.frames} frames scored"
        print(f"{len(streams)} stream{plural}: {scored}, {fired} alerts fired", file=sys.stderr)  # noqa: T201
