"""Where log lines go."""

from __future__ import annotations

import logging
import sys


def configure_logging(*, verbose: bool) -> None:
    """Log to standard error; FFmpeg's own chatter is silenced, because decode errors are counted and reported by us."""
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for noisy in ("httpx", "httpcore", "numba", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

    import av.logging

    av.logging.set_level(None)
