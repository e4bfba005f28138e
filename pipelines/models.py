"""``vqmon models``: which VMAF models there are, where their files are, and getting those that are missing."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from monitor.errors import ConfigError
from pipelines import options
from pipelines.helping import PlainCommand, PlainGroup
from pipelines.logs import configure_logging

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PATIENCE = 10
"""How often the longest wait for the network a whole file may take."""

models_app = typer.Typer(cls=PlainGroup, help="VMAF's model files.", no_args_is_help=True)

Names = Annotated[list[str] | None, Argument(metavar="[NAME...]", help="Models; those that are missing by default.")]
From = Annotated[
    str | None, Option("--from", metavar="URL", help="Where the repository lies, at a release: a mirror of Netflix/vmaf.")
]
Timeout = Annotated[
    float,
    Option("--timeout", metavar="SECONDS", min=0.1, help="Longest wait for the network; ten times as long for a file."),
]


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of one model."""

    model: str
    metric: str
    """``""``: made when it is asked for."""
    purpose: str
    features: tuple[str, ...]
    """Empty where the file can't be read."""
    path: str | None
    state: str
    """``verified``, ``missing``, or what is wrong with the file."""


def rows() -> list[Row]:
    """Every known model."""
    from monitor.models.files import KNOWN, locate, open_model, read_verified
    from monitor.scorers import specs

    metrics = {spec.trained: spec.name for spec in specs() if spec.trained}
    found = []
    for name, known in KNOWN.items():
        features: tuple[str, ...] = ()
        path, state = locate(name), "missing"
        if path is not None:
            try:
                read_verified(name, path)
                features, state = tuple(feature.name for feature in open_model(name).features), "verified"
            except ConfigError as error:
                state = str(error)
        found.append(Row(name, metrics.get(name, ""), known.purpose, features, None if path is None else str(path), state))
    return found


@models_app.command("list", cls=PlainCommand)
def list_models(json_: options.Json = False) -> None:
    """List the known models: what they are for, where their files are, and whether those are the published ones."""
    found = rows()
    if json_:
        print(json.dumps([asdict(row) for row in found], indent=2))  # noqa: T201
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for head in ("model", "metric", "for", "file"):
        table.add_column(head, no_wrap=head in ("model", "metric"))
    for row in found:
        table.add_row(row.model, row.metric or "on demand", row.purpose, row.state)
    console = Console()
    console.print(table)
    for folder in dict.fromkeys(str(Path(row.path).parent) for row in found if row.path):
        console.print(f"files: {folder}", style="dim", soft_wrap=True)


@models_app.command(cls=PlainCommand)
def fetch(names: Names = None, from_: From = None, timeout: Timeout = 30.0, verbose: options.Verbose = False) -> None:
    """Download model files from Netflix' repository into the user's data folder, checked by SHA-256."""
    configure_logging(verbose=verbose)
    for line in fetch_models(names or [], from_, timeout):  # each as soon as it is there
        print(line)  # noqa: T201


def fetch_models(names: Sequence[str], base_url: str | None, timeout_seconds: float) -> Iterator[str]:
    """Fetch models, or all that are missing where none is named; what happened, a line each.

    A whole file may take ``PATIENCE`` times as long as one wait for the network.

    Proxy and certificates are those of the environment (``HTTPS_PROXY``, ``SSL_CERT_FILE`` ...).
    """
    import httpx

    from monitor.models.fetching import BASE_URL
    from monitor.models.fetching import fetch as fetch_one
    from monitor.models.files import KNOWN, fetched_folder, locate

    wanted = list(names) or [name for name in KNOWN if locate(name) is None]
    if not wanted:
        yield "nothing is missing"
        return
    with httpx.Client(timeout=timeout_seconds, follow_redirects=True) as client:
        for name in wanted:
            limit = PATIENCE * timeout_seconds
            path = fetch_one(name, fetched_folder(), client, base_url=base_url or BASE_URL, limit_seconds=limit)
            yield f"{name}: {path}"


@models_app.command(cls=PlainCommand)
def verify() -> None:
    """Check the files of all known models against their SHA-256; exit 1 where one is not the published one."""
    found = rows()
    for row in found:
        print(f"{row.model}: {row.state}{f' {row.path}' if row.state == 'verified' else ''}")  # noqa: T201
    if any(row.state not in ("verified", "missing") for row in found):
        raise typer.Exit(1)
