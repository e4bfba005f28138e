"""Write the dashboards and say which: ``python -m pipelines.dashboards [FOLDER]``; by default where they are committed."""

import sys
from pathlib import Path

from pipelines.dashboards import FOLDER, write

if __name__ == "__main__":
    for path in write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER):
        sys.stdout.write(f"{path}\n")
