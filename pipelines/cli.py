"""The ``vqmon`` command: arguments to one flow, errors to one line, outcomes to exit codes.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted. Heavy imports happen inside the commands, so
that ``vqmon --help`` answers at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from monitor import __version__
from monitor.errors import ConfigError, VqmonError
from pipelines import options
from pipelines.helping import PlainCommand, PlainGroup
from pipelines.logs import complain, configure_logging
from pipelines.models import models_app

app = typer.Typer(
    cls=PlainGroup,
    name="vqmon",
    help="Watch the pictures of video streams: score them, keep the series, alert when quality drops, show why.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: vqmon watch https://example.com/live/master.m3u8 --listen 127.0.0.1:8080",
)
dashboards_app = typer.Typer(cls=PlainGroup, help="Grafana dashboards.", no_args_is_help=True)
app.add_typer(dashboards_app, name="dashboards")
app.add_typer(models_app, name="models")


def main() -> NoReturn:
    """Entry point of the ``vqmon`` command."""
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()  # here, where a reader that has left is no surprise
    except VqmonError as error:
        complain(str(error))
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    except typer.TyperException as error:
        error.show()  # type: ignore[attr-defined]  # every exception that typer raises has it
        sys.exit(2)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # the reader left: nothing to say, and nobody to say it to
        sys.exit(1)  # as typer does where it comes upon it
    sys.exit(code if isinstance(code, int) else 0)


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


@app.command(cls=PlainCommand)
def metrics(json_: options.Json = False) -> None:
    """List the metrics: unit, range, direction, and what zero and no data mean."""
    from pipelines.catalogue import as_json, as_list

    if json_:
        print(as_json())  # noqa: T201
    else:
        from rich.console import Console

        Console(highlight=False).print(as_list())


@app.command(cls=PlainCommand)
def score(
    files: options.Files,
    metrics: options.Metrics = None,
    sampling: options.Sampling = "every",
    rate: options.PerSecond = 2.0,
    output: options.Output = None,
    output_format: options.OutputFormat = None,
    stdout_format: options.StdoutFormat = "human",
    pool: options.Pools = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Score files without a reference: blur, blockiness, noise, exposure, black, freeze, SI/TI ..."""
    from pipelines.delivery import Delivery
    from pipelines.pooling import parse_pools
    from pipelines.scoring import run_scoring

    configure_logging(verbose=verbose)
    delivery = Delivery(output, output_format, stdout_format, pools=parse_pools(pool or ()), quiet=quiet)
    raise typer.Exit(run_scoring(files, _names(metrics), delivery, sampling=sampling, per_second=rate))


@app.command(cls=PlainCommand)
def compare(
    files: options.Compared,
    reference: options.ReferenceFile = None,
    metrics: options.ComparedMetrics = None,
    model: options.Models = None,
    display: options.Display = None,
    view: options.View = None,
    vmaf_version: options.VmafVersion = None,
    neg: options.Neg = False,
    hfr: options.Hfr = "auto",
    sampling: options.Sampling = "every",
    rate: options.PerSecond = 2.0,
    subsample: options.Subsample = 1,
    start_offset: options.StartOffset = "0",
    num_frames: options.NumFrames = None,
    shortest: options.Shortest = False,
    fps: options.Fps = None,
    sync: options.SyncMode = "none",
    sync_window: options.SyncWindow = 10.0,
    force: options.Force = False,
    scaling: options.Scaling = "bicubic",
    bitdepth: options.BitDepth = "auto",
    threads: options.Threads = 0,
    output: options.Output = None,
    output_format: options.OutputFormat = None,
    stdout_format: options.StdoutFormat = "human",
    pool: options.Pools = None,
    fail_under: options.Gates = None,
    report: options.ComparisonReport = None,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Compare encodes with what they were made from. Frames are paired by presentation time from each file's first frame."""
    from pipelines.choosing import Wish
    from pipelines.compare_settings import Settings, exact_rate, parse_depth, parse_start, parse_sync
    from pipelines.delivery import Delivery
    from pipelines.pooling import parse_pools
    from pipelines.scoring import run_comparison

    configure_logging(verbose=verbose)
    encodes = list(files)
    original = reference or (encodes.pop() if len(encodes) > 1 else None)
    if original is None:
        raise ConfigError(f"nothing to compare {encodes[0]} with; give the reference after it, or with -r")
    settings = Settings(
        sampling=sampling,
        per_second=rate,
        subsample=subsample,
        start=parse_start(start_offset),
        frames=num_frames,
        shortest=shortest,
        rate=exact_rate(fps) if fps is not None else None,
        sync=parse_sync(sync),
        window=sync_window,
        force=force,
        scaling=scaling,
        bit_depth=parse_depth(bitdepth),
        threads=threads,
    )
    if subsample > 1 and subsample % 2 == 0:
        complain(
            f"warning: --subsample {subsample} is even: encoders alternate better and worse frames in even patterns; "
            f"{subsample + 1} is safer"
        )
    delivery = Delivery(output, output_format, stdout_format, report, parse_pools(pool or ()), quiet)
    wish = Wish(_names(metrics), model or (), display, view, _names(vmaf_version), neg, hfr, fps)
    raise typer.Exit(run_comparison(encodes, original, wish, delivery, settings, fail_under or (), dry_run=dry_run))


@app.command(cls=PlainCommand)
def watch(
    inputs: options.Inputs,
    reference: options.ReferenceUrl = None,
    metrics: options.Metrics = None,
    sampling: options.WatchSampling = None,
    rate: options.WatchRate = None,
    realtime: options.Realtime = False,
    store: options.WatchStore = None,
    out: options.Out = None,
    listen: options.Listen = None,
    rules: options.Rules = None,
    evidence_dir: options.WatchEvidence = None,
    webhook: options.Webhooks = None,
    alertmanager: options.Alertmanagers = None,
    workers: options.Workers = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Watch live streams (or files): score every rendition, keep the series, alert when the picture goes bad."""
    from pipelines.watching import build_config, run_watch

    configure_logging(verbose=verbose)
    config = build_config(
        inputs,
        stream={
            "reference": reference,
            "metrics": _names(metrics) or None,
            "realtime": realtime or None,
            "sampling": {key: value for key, value in (("mode", sampling), ("per_second", rate)) if value is not None}
            or None,
        },
        top={
            "store": store,
            "out": out,
            "listen": listen,
            "rules": rules,
            "workers": workers,
            "evidence": {"dir": evidence_dir} if evidence_dir else None,
            "notifiers": [
                *({"type": "webhook", "url": url} for url in webhook or ()),
                *({"type": "alertmanager", "url": url} for url in alertmanager or ()),
            ]
            or None,
        },
    )
    raise typer.Exit(run_watch(config, quiet=quiet, verbose=verbose))


@app.command(cls=PlainCommand)
def serve(
    store: options.Store = "sqlite:///vqmon.db",
    listen: options.ServeAddress = "127.0.0.1:8080",
    evidence_dir: options.Evidence = Path("vqmon-evidence"),
    verbose: options.Verbose = False,
) -> None:
    """Serve the dashboard of a store that a `vqmon watch` fills or has filled."""
    from pipelines.pages import run_server

    configure_logging(verbose=verbose)
    run_server(store, listen, evidence_dir)


@app.command(cls=PlainCommand)
def report(
    store: options.Store = "sqlite:///vqmon.db",
    output: options.ReportFile = Path("vqmon-report.html"),
    evidence_dir: options.Evidence = Path("vqmon-evidence"),
    stream: options.OneStream = None,
    since: options.Since = None,
    until: options.Until = None,
    verbose: options.Verbose = False,
) -> None:
    """Write one self-contained HTML file: series, ladder, alerts with their evidence."""
    from pipelines.pages import write

    configure_logging(verbose=verbose)
    write(store, output, evidence_dir, stream=stream, since=since, until=until)


@app.command(cls=PlainCommand)
def demo(
    output: options.DemoOutput = Path("demo-output"),
    listen: options.Listen = None,
    keep: options.Keep = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Make a live channel with known faults, watch it, and check that each fault is alerted on and resolved."""
    from pipelines.demo.command import run_demo

    configure_logging(verbose=verbose)
    raise typer.Exit(run_demo(output, listen=listen, keep=keep, quiet=quiet, verbose=verbose))


@dashboards_app.command(cls=PlainCommand)
def push(
    url: options.GrafanaUrl,
    token: options.GrafanaToken = None,
    folder: options.GrafanaFolder = "vqmon",
    verbose: options.Verbose = False,
) -> None:
    """Create or update vqmon's dashboards in a Grafana."""
    from pipelines.dashboards import push as push_all

    configure_logging(verbose=verbose)
    if not token:
        raise ConfigError("no token for Grafana; set VQMON_GRAFANA_TOKEN or give --token")
    for line in push_all(url, token, folder):
        print(line)  # noqa: T201


if __name__ == "__main__":
    main()
