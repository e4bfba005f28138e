"""A stand-in for Grafana's HTTP API on loopback that refuses what Grafana refuses, with Grafana's status codes and words.

Follows pkg/api/annotations.go, pkg/api/dashboard.go, pkg/api/folder.go, pkg/services/dashboards/errors.go and
pkg/services/annotations/annotationsimpl/xorm_store.go of grafana/grafana.
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

TOKEN = "glsa_stand-in"
VALID_UID = re.compile(r"[a-zA-Z0-9\-_]*")


class Refused(Exception):
    def __init__(self, code: int, message: str, /, **more: str) -> None:
        super().__init__(message)
        self.code, self.body = code, {"message": message, **more}


@dataclass
class GrafanaStandIn:
    """State of one Grafana; a context manager that serves it. ``failures`` are answered first, one per request."""

    folders: dict[str, str] = field(default_factory=dict)
    dashboards: dict[str, dict[str, Any]] = field(default_factory=dict)
    folder_of: dict[str, str] = field(default_factory=dict)
    provisioned: set[str] = field(default_factory=set)
    plugin_owned: set[str] = field(default_factory=set)
    annotations: dict[int, dict[str, Any]] = field(default_factory=dict)
    failures: list[tuple[int, bytes]] = field(default_factory=list)
    forbidden: bool = False
    lose_next_answer: bool = False
    redirect_to: str = ""
    sub_path: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                stand_in.answer(self)

            do_GET = do_POST = do_PATCH = handle_any  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}{self.sub_path}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        self.requests.append((request.command, parts.path))
        if self.failures:
            status, payload = self.failures.pop(0)
            self.send(request, status, payload)
            return
        if self.redirect_to:
            request.send_response(302)
            request.send_header("Location", self.redirect_to + request.path)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        try:
            self.check_headers(request, body)
            if not parts.path.startswith(f"{self.sub_path}/api/"):
                raise Refused(404, "Not found")
            route = parts.path.removeprefix(f"{self.sub_path}/api")
            result: Any = self.route(request.command, route, parse_qs(parts.query), self.parse(body))
            status = 200
        except Refused as refused:
            result, status = refused.body, refused.code
        if self.lose_next_answer:
            self.lose_next_answer = False
            request.close_connection = True
            return
        self.send(request, status, json.dumps(result).encode())

    @staticmethod
    def send(request: BaseHTTPRequestHandler, status: int, payload: bytes) -> None:
        request.send_response(status)
        request.send_header("Content-Type", "application/json; charset=UTF-8")
        request.send_header("Content-Length", str(len(payload)))
        request.end_headers()
        request.wfile.write(payload)

    def check_headers(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Refused(401, "Invalid API key")
        if self.forbidden:
            raise Refused(403, "You'll need additional permissions to perform this action.")
        if body and not (request.headers.get("Content-Type") or "").startswith("application/json"):
            raise Refused(415, "Unsupported Media Type")

    @staticmethod
    def parse(body: bytes) -> dict[str, Any]:
        try:
            parsed = json.loads(body) if body else {}
        except ValueError:
            raise Refused(400, "bad request data") from None
        if parsed is None:
            return {}
        if not isinstance(parsed, dict):
            raise Refused(400, "bad request data")
        return parsed

    def route(self, verb: str, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> Any:
        match verb, path.strip("/").split("/"):
            case "GET", ["folders"]:
                return [{"uid": uid, "title": title} for uid, title in self.folders.items()]
            case "POST", ["folders"]:
                return self.create_folder(body)
            case "POST", ["dashboards", "db"]:
                return self.save_dashboard(body)
            case "GET", ["annotations"]:
                return self.find(query)
            case "POST", ["annotations"]:
                return self.annotate(body)
            case "PATCH", ["annotations", number]:
                return self.patch(number, body)
        raise Refused(404, "Not found")

    def create_folder(self, body: dict[str, Any]) -> dict[str, str]:
        title = body.get("title")
        if not isinstance(title, str) or not title.strip():
            raise Refused(400, "folder title cannot be empty")
        if title in self.folders.values():
            raise Refused(409, "a folder with the same name already exists in the current location")
        uid = body.get("uid") or f"folder{len(self.folders) + 1}"
        self.check_uid(uid)
        self.folders[uid] = title
        return {"uid": uid, "title": title}

    @staticmethod
    def check_uid(uid: str) -> None:
        if not VALID_UID.fullmatch(uid):
            raise Refused(400, "uid contains illegal characters")
        if len(uid) > 40:
            raise Refused(400, "uid too long, max 40 characters")

    def save_dashboard(self, body: dict[str, Any]) -> dict[str, Any]:
        dashboard = body.get("dashboard")
        if not isinstance(dashboard, dict):
            raise Refused(400, "bad request data")
        if not str(dashboard.get("title") or "").strip():
            raise Refused(400, "Dashboard title cannot be empty", status="empty-name")
        uid = dashboard.get("uid") or f"made{len(self.dashboards) + 1}"
        self.check_uid(uid)
        folder = body.get("folderUid", "")
        if folder and folder not in self.folders:
            raise Refused(400, "folder not found")
        if len(str(body.get("message", ""))) > 500:
            raise Refused(400, "message too long, max 500 characters")
        if uid in self.provisioned:
            raise Refused(400, "Cannot save provisioned dashboard")
        if uid in self.plugin_owned:
            raise Refused(412, "The dashboard belongs to plugin Example.", status="plugin-dashboard")
        stored = self.dashboards.get(uid)
        if dashboard.get("id") is not None and stored is None:
            raise Refused(404, "Dashboard not found", status="not-found")
        version = stored["version"] if stored else 0
        if stored and not body.get("overwrite") and dashboard.get("version") != version:
            raise Refused(412, "The dashboard has been changed by someone else", status="version-mismatch")
        self.dashboards[uid] = {**dashboard, "version": version + 1}
        self.folder_of[uid] = folder
        slug = re.sub(r"[^a-z0-9]+", "-", dashboard["title"].lower()).strip("-")
        url = f"{self.sub_path}/d/{uid}/{slug}"
        return {
            "id": len(self.dashboards),
            "uid": uid,
            "url": url,
            "status": "success",
            "version": version + 1,
            "slug": slug,
        }

    @staticmethod
    def checked_times(body: dict[str, Any]) -> None:
        for name in ("time", "timeEnd"):
            value = body.get(name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
                raise Refused(400, "bad request data")  # Go's decoder takes no 1.5 and no "1" for an int64
            if value and not 10**12 <= value < 10**13:
                raise AssertionError(f"{name} {value} is not in milliseconds: Grafana would draw it decades away")

    @staticmethod
    def checked_tags(tags: Any) -> list[str]:
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            raise Refused(400, "bad request data")
        if any(len(half) > 100 for tag in tags for half in tag.split(":", 1)):
            raise Refused(500, "Failed to save annotation")  # tag.key and tag.value are varchar(100)
        if len(json.dumps(tags)) > 500:
            raise Refused(400, "Failed to save annotation")
        return tags

    def annotate(self, body: dict[str, Any]) -> dict[str, Any]:
        self.checked_times(body)
        if not body.get("text"):
            raise Refused(400, "Failed to save annotation")
        tags = self.checked_tags(body.get("tags") or [])
        begin = body.get("time") or 0
        end = body.get("timeEnd") or begin
        number = len(self.annotations) + 1
        self.annotations[number] = {"id": number, "time": min(begin, end), "timeEnd": max(begin, end), "tags": tags} | {
            "text": body["text"]
        }
        return {"message": "Annotation added", "id": number}

    def patch(self, number: str, body: dict[str, Any]) -> dict[str, str]:
        self.checked_times(body)
        if not number.isdecimal():
            raise Refused(400, "annotationId is invalid")
        annotation = self.annotations.get(int(number))
        if annotation is None:
            raise Refused(404, "Annotation not found")
        if body.get("tags") is not None:
            annotation["tags"] = self.checked_tags(body["tags"])
        annotation |= {name: body[name] for name in ("text", "time", "timeEnd") if body.get(name)}
        return {"message": "Annotation patched"}

    def find(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        begin, end = int(query.get("from", ["0"])[0]), int(query.get("to", ["0"])[0])
        wanted = set(query.get("tags", []))
        found = [
            item
            for item in self.annotations.values()
            if wanted <= set(item["tags"])
            and (not (begin > 0 and end > 0) or (item["time"] <= end and item["timeEnd"] >= begin))
        ]
        return sorted(found, key=lambda item: (-item["timeEnd"], -item["time"]))[: int(query.get("limit", ["100"])[0])]
