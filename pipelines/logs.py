"""Where log lines and complaints go."""

from __future__ import annotations

import logging
import sys

from monitor.sources.addresses import without_secrets


def complain(message: str) -> None:
    """One line on standard error for the person at the terminal, with addresses as they may be shown."""
    print(f"vqmon: {' '.join(without_secrets(message).split())}", file=sys.stderr)  # noqa: T201


def configure_logging(*, verbose: bool) -> None:
    """Log to standard error; FFmpeg's own chatter is silenced, because decode errors are counted and reported by us."""
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for noisy in ("httpx", "httpcore", "numba", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

    import av.logging

    av.logging.set_level(None)
