"""What every answer carries and which requests are refused before anything else looks at them."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

DEFAULT_POLICY = "default-src 'none'; frame-ancestors 'none'"
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


class Guard:
    """ASGI middleware: read-only, same-origin, and on loopback only under a loopback name.

    The Host check ends DNS rebinding: a foreign page that lets its own name resolve to 127.0.0.1 still sends its own name.
    Where the server listens on other addresses, its names are not known here and the check is the proxy's business.

    Args:
        app: The application behind.
        host: The address that the server is bound to.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app, self._host = app, host.lower()
        self._loopback = is_loopback(host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("content-security-policy", DEFAULT_POLICY)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = self._refusal(scope["method"], Headers(scope=scope))
        await (refusal or self._app)(scope, receive, send_guarded)

    def _refusal(self, method: str, headers: Headers) -> JSONResponse | None:
        if method not in {"GET", "HEAD"}:
            return JSONResponse({"error": f"{method} is not allowed; this server only reads"}, 405, {"allow": "GET, HEAD"})
        host = headers.get("host", "")
        if self._loopback and not self._ours(host):
            return JSONResponse({"error": f"host {host[:80]!r} is not this server; it answers to localhost only"}, 421)
        if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            return JSONResponse({"error": "requests from other sites are not answered"}, 403)
        return None

    def _ours(self, header: str) -> bool:
        name = header.rsplit(":", 1)[0] if not header.endswith("]") else header
        name = name.strip("[]").lower()
        return name == self._host or is_loopback(name)


def is_loopback(host: str) -> bool:
    """Whether ``host`` is ``localhost`` or a loopback address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
