"""The ``vqmon`` command: arguments to one flow, errors to one line, outcomes to exit codes.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted. Heavy imports happen inside the commands, so
that ``vqmon --help`` answers at once.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from monitor import __version__
from monitor.errors import ConfigError, VqmonError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.files import FileScores

app = typer.Typer(
    name="vqmon",
    help="Watch the pictures of video streams: score them, keep the series, alert when quality drops, show why.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: vqmon watch https://example.com/live/master.m3u8 --listen 127.0.0.1:8080",
)
dashboards_app = typer.Typer(help="Grafana dashboards.", no_args_is_help=True)
app.add_typer(dashboards_app, name="dashboards")

Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens, not only what goes wrong.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No table and no progress bar.")]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metrics", "-m", metavar="NAME[,NAME]", help="Metrics or features (`vqmon metrics`); all that fit by default."
    ),
]
OutputFormat = Annotated[
    str | None, typer.Option("--output-format", "-of", metavar="json|csv|ndjson", help="Format of --output.")
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write per-frame and pooled values here; `-` is standard output.")
]
Sampling = Annotated[str, typer.Option("--sampling", help="Which frames: every, rate, keyframes or bursts.")]
PerSecond = Annotated[float, typer.Option("--rate", help="Frames a second, for --sampling rate.")]


def main() -> NoReturn:
    """Entry point of the ``vqmon`` command."""
    try:
        code = app(standalone_mode=False)
    except VqmonError as error:
        _complain(str(error))
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    except typer.TyperException as error:
        error.show()  # type: ignore[attr-defined]  # every exception that typer raises has it
        sys.exit(2)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader of our output left; not our failure
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


def _complain(message: str) -> None:
    print(f"vqmon: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201  # this is what the user sees


def configure_logging(*, verbose: bool) -> None:
    """Log to standard error; FFmpeg's own chatter is silenced, because decode errors are counted and reported by us."""
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for noisy in ("httpx", "httpcore", "numba", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

    import av.logging

    av.logging.set_level(None)


def _names(values: list[str] | None) -> list[str]:
    """``-m a,b -m c`` as three names."""
    return [name.strip() for value in values or [] for name in value.split(",") if name.strip()]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"vqmon {__version__}")  # noqa: T201
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Watch the pictures of video streams: score them, keep the series, alert when quality drops, show why."""


@app.command()
def metrics(json_: Annotated[bool, typer.Option("--json", help="As JSON, for machines.")] = False) -> None:
    """List the metrics: unit, range, direction, and what zero and no data mean."""
    from pipelines.catalogue import as_json, as_table

    if json_:
        print(as_json())  # noqa: T201
    else:
        from rich.console import Console

        Console().print(as_table())


@app.command()
def score(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Video files or URLs that end.")],
    metrics: Metrics = None,
    sampling: Sampling = "every",
    rate: PerSecond = 2.0,
    output: Output = None,
    output_format: OutputFormat = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Score files without a reference: blur, blockiness, noise, exposure, black, freeze, SI/TI ..."""
    from monitor.protocols import Reference
    from pipelines.files import choose_metrics

    configure_logging(verbose=verbose)
    _check_output(output, output_format)
    _run_files(
        files, None, choose_metrics(_names(metrics), Reference.NONE), sampling, rate, output, output_format, quiet=quiet
    )


@app.command()
def compare(
    distorted: Annotated[str, typer.Argument(metavar="DIST", help="The encoded file.")],
    reference: Annotated[str, typer.Argument(metavar="REF", help="What it was made from.")],
    metrics: Metrics = None,
    sampling: Sampling = "every",
    rate: PerSecond = 2.0,
    output: Output = None,
    output_format: OutputFormat = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Score a file beside its reference: PSNR, SSIM. Frames are paired by presentation time from each file's first frame."""
    from monitor.protocols import Reference
    from pipelines.files import choose_metrics

    configure_logging(verbose=verbose)
    _check_output(output, output_format)
    chosen = choose_metrics(_names(metrics), Reference.FULL)
    _run_files([distorted], reference, chosen, sampling, rate, output, output_format, quiet=quiet)


def _check_output(output: Path | None, output_format: str | None) -> None:
    """Refuse before an hour of scoring what could not be written after it."""
    from monitor.errors import SinkError, UnknownName
    from pipelines.scorefiles import FORMATS

    if output_format is not None and output_format not in FORMATS:
        raise UnknownName("output format", output_format, FORMATS)
    if output is not None and str(output) != "-":
        folder = output.parent
        if not folder.is_dir():
            raise SinkError(f"can't write {output}: there is no folder {folder}")
        if output.is_dir() or not os.access(output if output.exists() else folder, os.W_OK):
            raise SinkError(f"can't write {output}: {'it is a folder' if output.is_dir() else 'permission denied'}")


def _run_files(
    files: Sequence[str],
    reference: str | None,
    chosen: Sequence[object],
    sampling: str,
    rate: float,
    output: Path | None,
    output_format: str | None,
    *,
    quiet: bool,
) -> None:
    from monitor.errors import SinkError
    from pipelines.display import file_progress, file_table
    from pipelines.files import score_file
    from pipelines.scorefiles import WRITERS

    scored: list[FileScores] = []
    for path in files:
        with file_progress(path, quiet=quiet) as progress:
            scored.append(
                score_file(
                    path,
                    chosen,  # type: ignore[arg-type]  # specs, imported lazily
                    reference=reference,
                    sampling=sampling,
                    per_second=rate,
                    threads=os.cpu_count() or 1,
                    progress=progress,
                )
            )
    to_stdout = (output is not None and str(output) == "-") or (output is None and output_format is not None)
    if output is not None or to_stdout:
        text = WRITERS[output_format or (output.suffix[1:] if output and output.suffix[1:] in WRITERS else "json")](scored)
        if to_stdout:
            sys.stdout.write(text)
        elif output is not None:
            try:
                output.write_text(text, encoding="utf-8")
            except OSError as error:
                raise SinkError(f"can't write {output}: {error.strerror or error}") from error
    if not quiet and not to_stdout:
        from rich.console import Console

        for scores in scored:
            Console().print(file_table(scores))
    for scores in scored:
        for warning in scores.warnings:
            _complain(f"warning: {warning}")


if __name__ == "__main__":
    main()
