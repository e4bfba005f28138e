"""The HTML pages: the dashboard's, as the server's live page or as a report, and the report of a comparison."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from monitor.types import POOLS
from monitor.web.assets import PLOTLY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.web.assets import Assets
    from monitor.web.catalog import Catalog

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def live_page(assets: Assets, catalog: Catalog, title: str) -> tuple[bytes, str]:
    """The page that talks to its server.

    Returns:
        The HTML, and the Content-Security-Policy that allows exactly this page's scripts.
    """
    import_map = assets.import_map(embedded=False)
    digest = base64.b64encode(hashlib.sha256(import_map.encode()).digest()).decode()
    html = _TEMPLATES.get_template("page.html").render(
        title=title,
        embedded=False,
        import_map=import_map,
        config=script_json(_config(catalog, title, mode="live")),
        stylesheet=assets["app.css"].url,
        plotly=assets[PLOTLY].url,
        entry=assets["app.js"].url,
    )
    policy = (
        f"default-src 'none'; script-src 'self' 'sha256-{digest}'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return html.encode(), policy


def report_page(assets: Assets, catalog: Catalog, title: str, data: Mapping[str, object]) -> str:
    """The page that carries its data: one HTML file that opens from disk and never asks the network."""
    return _TEMPLATES.get_template("page.html").render(
        title=title,
        embedded=True,
        import_map=assets.import_map(embedded=True),
        config=script_json(_config(catalog, title, mode="report")),
        data=script_json(data),
        stylesheet=assets["app.css"].text,
        plotly=assets[PLOTLY].text,
    )


def comparison_page(assets: Assets, title: str, shown: Mapping[str, object], drawn: Mapping[str, object]) -> str:
    """The report of a comparison: one HTML file that opens from disk and never asks the network.

    Args:
        assets: The page's own files.
        title: Title of the page.
        shown: What the template ``comparison.html`` spells out.
        drawn: What ``comparison.js`` draws; strict JSON.
    """
    return _TEMPLATES.get_template("comparison.html").render(
        shown,
        title=title,
        import_map=assets.import_map(embedded=True),
        data=script_json(drawn),
        stylesheet=assets["app.css"].text,
        comparison_stylesheet=assets["comparison.css"].text,
        plotly=assets[PLOTLY].text,
    )


def script_json(value: object) -> str:
    """JSON that can stand inside a script element: nothing in it can end the element."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    escaped = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return escaped.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _config(catalog: Catalog, title: str, *, mode: str) -> dict[str, object]:
    return {"title": title, "mode": mode, "pools": list(POOLS), "features": catalog.described()}
