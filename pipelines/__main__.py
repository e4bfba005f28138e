"""``python -m pipelines`` is ``vqmon``."""

from pipelines.cli import main

main()
