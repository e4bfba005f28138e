"""Where log lines and complaints go."""

from __future__ import annotations

import logging
import sys


def complain(message: str) -> None:
    """One line on standard error for the person at the terminal."""
    print(f"vqmon: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201


def configure_logging(*, verbose: bool) -> None:
    """Log to standard error; FFmpeg's own chatter is silenced, because decode errors are counted and reported by us."""
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for noisy in ("httpx", "httpcore", "numba", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

    import av.logging

    av.logging.set_level(None)
