"""From the words of ``vqmon score`` and ``vqmon compare`` to tables, files and an exit code."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from types import FrameType

from monitor.errors import SourceError, UnsupportedFormat
from monitor.protocols import MetricSpec, Reference
from pipelines.choosing import Wish, with_gates, with_logged
from pipelines.compare_settings import Settings
from pipelines.comparing import compare_files
from pipelines.delivery import Delivery
from pipelines.display import file_progress
from pipelines.files import FileScores, Progress, choose_metrics, score_file
from pipelines.gates import judge, parse_gate
from pipelines.logs import complain


def run_scoring(files: Sequence[str], names: Sequence[str], delivery: Delivery, *, sampling: str, per_second: float) -> int:
    """Score files one after the other without a reference; the exit code.

    A file that can't be scored costs the others nothing: it is named on standard error, and the code is 1.

    Raises:
        ConfigError: a setting is wrong.
        SinkError: the output can't be written.
    """
    chosen = choose_metrics(names, Reference.NONE)
    delivery.check(files)
    scored: list[FileScores] = []
    for path in files:
        try:
            with file_progress(path, quiet=delivery.quiet) as advance, interruptible(advance) as progress:
                scores = score_file(
                    path, chosen, sampling=sampling, per_second=per_second, threads=os.cpu_count() or 1, progress=progress
                )
        except (SourceError, UnsupportedFormat) as error:
            complain(str(error))
            continue
        scored.append(scores)
        delivery.show(scores)
    delivery.write(scored)
    return 0 if len(scored) == len(files) else 1


def run_comparison(
    files: Sequence[str],
    reference: str,
    wish: Wish,
    delivery: Delivery,
    settings: Settings,
    gates: Sequence[str] = (),
    *,
    dry_run: bool = False,
) -> int:
    """Compare files with their reference in one pass; the exit code.

    A file that can't be compared costs the others nothing: it is named on standard error, and the code is 1. So it is where
    a gate is missed.

    Args:
        files: The encodes.
        reference: What they were made from.
        wish: What to compute; what the gates need is added.
        delivery: Where scores go.
        settings: How to compare.
        gates: What each file has to reach.
        dry_run: Only say what would be done.

    Raises:
        ConfigError: a setting is wrong.
        SourceError: the reference can't be read.
        SinkError: the output can't be written.
    """
    delivery.check([*files, reference])
    models = wish.metrics(reference)  # first, for gates may be about a model that has no name before
    parsed = [parse_gate(gate) for gate in gates]
    wanted = with_gates(models, parsed)
    shown = [one.spec for one in wanted]
    if delivery.logs:
        wanted = with_logged(wanted)
    chosen, options = [one.spec for one in wanted], {one.spec.name: one.options for one in wanted}
    if dry_run:
        return _plan(files, reference, chosen, settings)
    label = files[0] if len(files) == 1 else f"{len(files)} files"
    with file_progress(label, quiet=delivery.quiet) as advance, interruptible(advance) as progress:
        compared = compare_files(files, reference, chosen, settings, options=options, progress=progress)
    for one in compared:
        if one.scores is None:
            complain(str(one.error))
    scored = [one.scores for one in compared if one.scores is not None]
    told = [scores.of(shown) for scores in scored]
    if told:
        delivery.show(*told)
    delivery.write(scored)
    if told and delivery.report is not None:
        from pipelines.comparison_report import write_comparison_report

        write_comparison_report(told, delivery.report, pools=delivery.pools)
    missed = [verdict for verdict in judge(parsed, scored) if not verdict.passed]
    for verdict in missed:
        complain(str(verdict))
    return 0 if len(scored) == len(files) and not missed else 1


def _plan(files: Sequence[str], reference: str, chosen: Sequence[MetricSpec], settings: Settings) -> int:
    from rich.console import Console

    from pipelines.plan import plan

    console, good = Console(highlight=False, soft_wrap=True), True
    for line, is_good in plan(files, reference, chosen, settings):
        console.print(line, markup=False, style=None if is_good else "red")
        good &= is_good
    return 0 if good else 1


@contextmanager
def interruptible(advance: Progress) -> Iterator[Progress]:
    """``advance``, raising ``KeyboardInterrupt`` after Ctrl-C: between frames, not anywhere.

    In the middle of a kernel's compilation the interrupt would be printed and lost. Before the first frame there is nothing
    to lose, and the process ends at once; so it does at a second interrupt.
    """
    begun, interrupted = threading.Event(), threading.Event()

    def note(_number: int, _frame: FrameType | None) -> None:
        if interrupted.is_set() or not begun.is_set():
            from rich.console import Console

            Console(stderr=True).show_cursor()  # which the progress bar hides
            os._exit(130)
        interrupted.set()

    def progress(reached: Fraction, end: Fraction) -> None:
        begun.set()
        if interrupted.is_set():
            raise KeyboardInterrupt
        advance(reached, end)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield progress
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupted.is_set():
        raise KeyboardInterrupt
