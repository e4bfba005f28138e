"""The page's own files: loaded once, named by content so that browsers may keep them for ever."""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib.util
import json
import mimetypes
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from monitor.errors import ServerError

STATIC = Path(__file__).parent / "static"
PLOTLY = "plotly.min.js"


@dataclass(frozen=True)
class Asset:
    """One file and what HTTP says about it."""

    name: str
    body: bytes
    media_type: str

    @cached_property
    def digest(self) -> str:
        """SHA-256 in hexadecimal, shortened: changes with the content."""
        return hashlib.sha256(self.body).hexdigest()[:16]

    @cached_property
    def packed(self) -> bytes:
        """The body compressed with gzip, reproducibly."""
        return gzip.compress(self.body, compresslevel=6, mtime=0)

    @property
    def url(self) -> str:
        """Address with the digest, relative to the page."""
        return f"static/{self.name}?v={self.digest}"

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


class Assets:
    """Stylesheet, modules and the chart library, read from the installed packages.

    Modules import each other as ``vqmon/<name>``: an import map says where that is. The live page maps to its server's
    addresses, the report to ``data:`` URLs, so that both run the very same files.
    """

    def __init__(self) -> None:
        self._files: dict[str, Asset] = {}

    def __getitem__(self, name: str) -> Asset:
        """The file called ``name``.

        Raises:
            KeyError: there is none of that name.
            ServerError: it belongs to an installed package that lacks it.
        """
        if name not in self._files:
            self._files[name] = self._load(name)
        return self._files[name]

    def modules(self) -> list[Asset]:
        """The JavaScript modules."""
        return [self[path.name] for path in sorted(STATIC.glob("*.js"))]

    def import_map(self, *, embedded: bool) -> str:
        """The import map as JSON.

        Args:
            embedded: Whether the modules travel in the map itself.
        """
        imports = {f"vqmon/{module.name}": _data_url(module) if embedded else f"./{module.url}" for module in self.modules()}
        return json.dumps({"imports": imports}, indent=None, separators=(",", ":"))

    def _load(self, name: str) -> Asset:
        path = _plotly() if name == PLOTLY else STATIC / name
        if path.name != name or not path.is_file():
            raise KeyError(name)
        media_type = (
            "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0] or "application/octet-stream"
        )
        return Asset(name, path.read_bytes(), media_type)


def _plotly() -> Path:
    spec = importlib.util.find_spec("plotly")
    path = Path(spec.origin).parent / "package_data" / PLOTLY if spec and spec.origin else None
    if path is None or not path.is_file():
        raise ServerError(
            "the chart library plotly.min.js is missing; expected in the Python package 'plotly': reinstall it"
        )
    return path


def _data_url(asset: Asset) -> str:
    return f"data:{asset.media_type};base64,{base64.b64encode(asset.body).decode()}"
