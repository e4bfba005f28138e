"""The dashboard's HTTP resources. All of them are read with GET and answer JSON unless said otherwise.

Times are integer milliseconds since the Unix epoch, UTC. A refusal is ``{"error": sentence}`` with status 400 (a bad
value), 404 (no such stream, rendition, feature or file) or 503 (the store can't be read now).
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from monitor.errors import ConfigError, UnknownName, VqmonError
from monitor.types import POOLS
from monitor.web import parameters
from monitor.web.assets import Assets
from monitor.web.catalog import Catalog
from monitor.web.charts import Charts
from monitor.web.evidence_files import MEDIA_TYPES, EvidenceFiles
from monitor.web.guard import Guard
from monitor.web.overview import LatestScores, event, incident, overview, scored
from monitor.web.page import live_page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.requests import Request

    from monitor.protocols import History, RenditionRow
    from monitor.web.live import LiveUpdates

_FOR_EVER = "public, max-age=31536000, immutable"
_OVERVIEW_MAX_AGE_SECONDS = 5.0
_SLOW_AT_ONCE = 2
"""Requests that read thousands of rows, answered at the same time; the rest wait, so that pages never starve the monitor
that runs in this process, nor ``/metrics`` and ``/healthz``."""


class Api:
    """The resources over one history.

    Args:
        history: The store.
        catalog: What is known about features.
        evidence: The evidence folder.
        live: Source of server-sent events.
        exposition: Gives the body and content type of ``/metrics`` for an Accept header; ``None``: there is no ``/metrics``.
        title: Title of the page.
        clock: Seconds since the Unix epoch.
    """

    def __init__(
        self,
        history: History,
        catalog: Catalog,
        evidence: EvidenceFiles,
        live: LiveUpdates,
        *,
        exposition: Callable[[str], tuple[bytes, str]] | None,
        title: str,
        clock: Callable[[], float],
    ) -> None:
        self._history, self._catalog, self._evidence, self._live = history, catalog, evidence, live
        self._exposition, self._clock = exposition, clock
        self._charts, self._latest = Charts(history, catalog), LatestScores(history, catalog)
        self._slow = asyncio.Semaphore(_SLOW_AT_ONCE)
        self._assets = Assets()
        self._page, self._policy = live_page(self._assets, catalog, title)
        self._overview = _Remembered(self._read_overview)

    def application(self, host: str) -> Starlette:
        """The ASGI application for a server bound to ``host``."""
        routes = [
            Route("/", self.page),
            Route("/static/{name}", self.static),
            Route("/api/overview", self.overview),
            Route("/api/series", self.series),
            Route("/api/segments", self.segments),
            Route("/api/ladder", self.ladder),
            Route("/api/summary", self.summary),
            Route("/api/incidents", self.incidents),
            Route("/api/events", self.events),
            Route("/api/thresholds", self.thresholds),
            Route("/api/live", self.live),
            Route("/evidence/{path:path}", self.evidence),
            Route("/healthz", self.health),
        ]
        if self._exposition is not None:
            routes.append(Route("/metrics", self.metrics))
        return Starlette(
            routes=routes,
            middleware=[Middleware(Guard, host=host), Middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)],
            exception_handlers={VqmonError: _refused, 404: _not_found},
        )

    def page(self, _request: Request) -> Response:
        """``/``: the dashboard, HTML."""
        return Response(self._page, media_type="text/html", headers={"content-security-policy": self._policy})

    def static(self, request: Request) -> Response:
        """``/static/<name>?v=<digest>``: the page's files, to be kept for ever under that digest."""
        name = request.path_params["name"]
        try:
            asset = self._assets[name]
        except KeyError:
            return _missing(f"no file {name[:80]!r}")
        packed = "gzip" in request.headers.get("accept-encoding", "")
        current = request.query_params.get("v") == asset.digest
        headers = {
            "cache-control": _FOR_EVER if current else "no-cache",
            "etag": f'"{asset.digest}"',
            "vary": "accept-encoding",
        }
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        if packed:
            headers["content-encoding"] = "gzip"
        return Response(asset.packed if packed else asset.body, media_type=asset.media_type, headers=headers)

    def overview(self, request: Request) -> Response:
        """``/api/overview``: state of all streams and renditions, latest scores, active and recent incidents.

        The answer is ``monitor.web.overview.overview`` plus ``revision``.
        """
        parameters.only(request.query_params)
        return JSONResponse(self._overview(self._history.revision()))

    async def series(self, request: Request) -> Response:
        """``/api/series?stream=&feature=[&rendition=][&pool=][&since=][&until=][&points=]``: scores over time.

        Without ``rendition`` all renditions of the stream; without ``pool`` the feature's own; by default the last hour and
        1500 points a line, thinned so that extremes survive. The answer is ``monitor.web.charts.Charts.series``.
        """
        return await self._wait(self._series, request)

    async def segments(self, request: Request) -> Response:
        """``/api/segments?stream=[&rendition=][&since=][&until=][&points=]``: bitrate over time and delivery faults.

        The answer is ``monitor.web.charts.Charts.delivery``.
        """
        return await self._wait(self._segments, request)

    async def ladder(self, request: Request) -> Response:
        """``/api/ladder?stream=[&feature=][&since=][&until=]``: quality over bitrate per rung, inversions flagged.

        Without ``feature`` the stream's leading score. The answer is ``monitor.web.charts.Charts.ladder``; without any
        scores ``feature`` is empty and so are the rungs' scores.
        """
        return await self._wait(self._ladder, request)

    async def summary(self, request: Request) -> Response:
        """``/api/summary?stream=[&since=][&until=]``: every feature pooled over the period, per rendition.

        The answer is ``monitor.web.charts.Charts.summary``.
        """
        return await self._wait(self._summary, request)

    def incidents(self, request: Request) -> Response:
        """``/api/incidents[?stream=][&since=][&limit=]``: ``{incidents: [...]}``, newest first.

        Those that were open at or after ``since`` (default: all); see ``monitor.web.overview.incident``.
        """
        since, stream, limit = self._listing(request)
        found = self._history.incidents(since_ms=since, stream=stream, limit=limit)
        return JSONResponse({"incidents": [incident(alert) for alert in found]})

    def events(self, request: Request) -> Response:
        """``/api/events[?stream=][&since=][&limit=]``: ``{events: [...]}``, newest first; ``monitor.web.overview.event``."""
        since, stream, limit = self._listing(request)
        found = self._history.events(since_ms=since, stream=stream, limit=limit)
        return JSONResponse({"events": [event(each) for each in found]})

    def thresholds(self, request: Request) -> Response:
        """``/api/thresholds``: ``{thresholds: [{alert, severity, feature, pool, fires_above, value, clear}]}``."""
        parameters.only(request.query_params)
        return JSONResponse({"thresholds": threshold_lines(self._history)})

    async def live(self, request: Request) -> Response:
        """``/api/live``: server-sent events ``revision`` (one a second at most) and ``heartbeat`` (after 15 s)."""
        parameters.only(request.query_params)
        if self._live.full:
            error = f"{self._live.max_clients} pages are open already; close one or reload later"
            return JSONResponse({"error": error}, 503, {"retry-after": "30"})
        return StreamingResponse(self._live.stream(), media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    def evidence(self, request: Request) -> Response:
        """``/evidence/<path>``: a picture or JSON document that an incident names."""
        relative = request.path_params["path"]
        path = self._evidence.find(relative)
        if path is None:
            return _missing(f"no evidence {relative[:120]!r}")
        headers = {"cache-control": "private, max-age=3600"}
        return FileResponse(path, media_type=MEDIA_TYPES[path.suffix.lower()], headers=headers)

    def metrics(self, request: Request) -> Response:
        """``/metrics``: the Prometheus or OpenMetrics text, as the Accept header asks."""
        if self._exposition is None:
            return _missing("no metrics here")
        body, content_type = self._exposition(request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})

    def health(self, _request: Request) -> Response:
        """``/healthz``: ``{"status": "ok", "revision": n}`` while the store can be read."""
        return JSONResponse({"status": "ok", "revision": self._history.revision()})

    async def _wait(self, answer: Callable[[Mapping[str, str]], Response], request: Request) -> Response:
        async with self._slow:
            return await run_in_threadpool(answer, request.query_params)

    def _series(self, query: Mapping[str, str]) -> Response:
        parameters.only(query, "stream", "feature", "rendition", "pool", "since", "until", "points")
        stream, rows = self._stream(query)
        return JSONResponse(
            self._charts.series(
                stream,
                _renditions(query, rows),
                parameters.choice(query, "feature", self._history.features(stream)),
                parameters.window(query, self._now_ms()),
                pool=parameters.choice(query, "pool", POOLS, default=""),
                points=parameters.points(query),
            )
        )

    def _segments(self, query: Mapping[str, str]) -> Response:
        parameters.only(query, "stream", "rendition", "since", "until", "points")
        stream, rows = self._stream(query)
        window = parameters.window(query, self._now_ms())
        return JSONResponse(self._charts.delivery(stream, _renditions(query, rows), window, points=parameters.points(query)))

    def _ladder(self, query: Mapping[str, str]) -> Response:
        parameters.only(query, "stream", "feature", "since", "until")
        stream, rows = self._stream(query)
        names = self._catalog.ordered(self._history.features(stream))
        leading = (*self._catalog.headline(names), *names, "")[0]
        feature = parameters.choice(query, "feature", names, default=leading)
        return JSONResponse(self._charts.ladder(stream, rows, feature, parameters.window(query, self._now_ms())))

    def _summary(self, query: Mapping[str, str]) -> Response:
        parameters.only(query, "stream", "since", "until")
        stream, rows = self._stream(query)
        features = self._catalog.ordered(self._history.features(stream))
        window = parameters.window(query, self._now_ms())
        return JSONResponse(self._charts.summary(stream, _renditions(query, rows), features, window))

    def _stream(self, query: Mapping[str, str]) -> tuple[str, list[RenditionRow]]:
        rows = scored(self._history.renditions())
        name = parameters.choice(query, "stream", dict.fromkeys(row.stream for row in rows))
        return name, [row for row in rows if row.stream == name]

    def _listing(self, request: Request) -> tuple[int, str | None, int]:
        query = request.query_params
        parameters.only(query, "stream", "since", "limit")
        since = parameters.integer(query, "since", 0, low=0, high=parameters.LATEST_MS)
        limit = parameters.integer(query, "limit", 500, low=1, high=5000)
        return since, self._stream(query)[0] if "stream" in query else None, limit

    def _read_overview(self, revision: int) -> dict[str, object]:
        return {**overview(self._history, self._catalog, self._latest, self._now_ms()), "revision": revision}

    def _now_ms(self) -> int:
        return round(self._clock() * 1000)


def threshold_lines(history: History) -> list[dict[str, object]]:
    """The thresholds in force as JSON."""
    return [
        {
            "alert": row.alert,
            "severity": row.severity,
            "feature": row.feature,
            "pool": row.pool,
            "fires_above": row.fires_above,
            "value": row.value,
            "clear": row.clear,
        }
        for row in history.thresholds()
    ]


class _Remembered:
    """One answer for all pages that ask at the same time.

    Kept while the revision stands (and for five seconds at most: ages go on), and in any case four times as long as it took
    to make, so that a large fleet costs a fifth of one core however many pages are open.
    """

    def __init__(self, make: Callable[[int], dict[str, object]]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._answer: dict[str, object] = {}
        self._revision = -1
        self._made_at = self._rest_until = float("-inf")

    def __call__(self, revision: int) -> dict[str, object]:
        with self._lock:
            now = time.monotonic()
            fresh = revision == self._revision and now - self._made_at < _OVERVIEW_MAX_AGE_SECONDS
            if not fresh and now >= self._rest_until:
                self._answer, self._revision = self._make(revision), revision
                self._made_at = time.monotonic()
                self._rest_until = self._made_at + 4 * (self._made_at - now)
            return self._answer


def _renditions(query: Mapping[str, str], rows: Sequence[RenditionRow]) -> list[str]:
    names = [row.rendition for row in rows]
    return [parameters.choice(query, "rendition", names)] if "rendition" in query else names


def _refused(_request: Request, problem: Exception) -> Response:
    if isinstance(problem, UnknownName):
        return _missing(str(problem))
    if isinstance(problem, ConfigError):
        return JSONResponse({"error": str(problem)}, 400)
    return JSONResponse({"error": str(problem)}, 503, {"retry-after": "5"})


def _not_found(request: Request, _problem: Exception) -> Response:
    return _missing(f"nothing at {request.url.path[:120]!r}; the dashboard is at '/'")


def _missing(error: str) -> Response:
    return JSONResponse({"error": error}, 404)
