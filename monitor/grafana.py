"""Grafana over its HTTP API: dashboards pushed, incidents annotated. The only importer of ``grafana_api``.

``grafana_api`` 1.0.3 is no longer maintained, so it serves as transport only: its verbs, its token header, its exceptions.
Its annotation methods are avoided: a partial update without ``tags`` sends ``[]``, which wipes them, and filters are not
URL-encoded.
"""

from __future__ import annotations

import html
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from monitor.errors import ConfigError, NotifyError, NotifyUnavailable
from monitor.types import Alert, AlertState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

TAG_LENGTH = 100
"""Grafana keeps a tag ``key:value`` in two columns of 100 characters."""

_UID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_PRINTABLE = re.compile(r"[!-~]+")


class GrafanaClient:
    """What vqmon asks of Grafana 9 to 13. Connects at the first call; one thread at a time.

    Args:
        url: Address as in the browser, with a sub-path where Grafana is served under one.
        token: Service account token with the role Editor; it goes into the ``Authorization`` header and nowhere else.
        timeout_seconds: Longest wait for one answer.
        attempts: Tries per call while Grafana is unreachable, answers 429 or 5xx.
        verify: Whether to check the certificate of an ``https`` address.
        sleep: Waits between tries.

    Raises:
        ConfigError: the address or token can't be one, or the ``grafana`` extra is not installed.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout_seconds: float = 5.0,
        attempts: int = 3,
        verify: bool = True,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(url.strip())
        if parts.username is not None or parts.password is not None:
            raise ConfigError("the Grafana address holds a user name or password; pass a service account token instead")
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ConfigError(
                f"Grafana address {url.partition('?')[0]!r} is none; expected for example http://127.0.0.1:3000"
            )
        if not _PRINTABLE.fullmatch(token):
            raise ConfigError(
                "the Grafana token is empty or holds blanks or special characters; create a service account token"
            )
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.address = f"{self.origin}{parts.path.rstrip('/')}"
        self._token = token
        self._timeout_seconds = timeout_seconds
        self._verify = verify
        self._attempts = attempts
        self._sleep = sleep
        self._api: Any = None

    def close(self) -> None:
        """Close connections; a later call opens new ones."""
        if self._api is not None:
            self._api.s.close()
            self._api = None

    def ensure_folder(self, title: str) -> str:
        """The uid of the top-level folder called ``title``, made where there is none; ``""`` (the root) for ``""``.

        Raises:
            NotifyUnavailable: Grafana is away for now.
            NotifyError: Grafana refused.
        """
        if not title:
            return ""
        uid = self._find_folder(title)
        if uid is None:
            try:
                uid = str(self._field(self._call("POST", "/folders", {"title": title}), "uid"))
            except NotifyUnavailable:
                raise
            except NotifyError:
                uid = self._find_folder(title)  # an answer that was lost, or somebody else, made it meanwhile
                if uid is None:
                    raise
        return uid

    def _find_folder(self, title: str) -> str | None:
        return next((str(folder["uid"]) for folder in self._rows("/folders") if folder.get("title") == title), None)

    def put_dashboard(self, dashboard: Mapping[str, object], folder_uid: str = "", message: str = "") -> str:
        """Create the dashboard or replace the one of the same ``uid``; return its address for the browser.

        Args:
            dashboard: Classic dashboard JSON with ``title`` and ``uid``.
            folder_uid: From ``ensure_folder``.
            message: For the version history.

        Raises:
            ConfigError: the JSON can't be a dashboard.
            NotifyUnavailable: Grafana is away for now.
            NotifyError: Grafana refused, for example because the dashboard is provisioned from a file.
        """
        uid, title = dashboard.get("uid"), dashboard.get("title")
        if not isinstance(uid, str) or not _UID.fullmatch(uid):
            raise ConfigError(f"dashboard uid {uid!r} is none; expected 1 to 40 letters, digits, '-' or '_'")
        if not isinstance(title, str) or not title.strip():
            raise ConfigError(f"dashboard {uid!r} has no title; set one in the JSON")
        body: dict[str, object] = {"dashboard": {**dashboard, "id": None}, "overwrite": True, "message": message}
        if folder_uid:
            body["folderUid"] = folder_uid
        return f"{self.origin}{self._field(self._call('POST', '/dashboards/db', body), 'url')}"

    def find_annotation(self, tags: Sequence[str], at_ms: int) -> int | None:
        """The id of the annotation with all of ``tags`` that begins at ``at_ms``, if there is one."""
        query = urlencode({"from": at_ms, "to": at_ms, "tags": list(tags), "type": "annotation", "limit": 100}, doseq=True)
        return next((int(item["id"]) for item in self._rows(f"/annotations?{query}") if item.get("time") == at_ms), None)

    def add_annotation(self, text: str, tags: Sequence[str], start_ms: int, end_ms: int | None = None) -> int:
        """Annotate every dashboard that asks for ``tags``; return the id. Times are milliseconds since the Unix epoch.

        Tried once: if only the answer was lost, a second try would annotate twice. ``find_annotation`` tells.
        """
        body: dict[str, object] = {"time": start_ms, "tags": list(tags), "text": text}
        if end_ms is not None:
            body["timeEnd"] = end_ms
        return int(self._field(self._once("POST", "/annotations", body), "id"))

    def end_annotation(self, annotation_id: int, text: str, end_ms: int) -> None:
        """Make the annotation a region that ends at ``end_ms``, and renew its text; tags stay."""
        self._call("PATCH", f"/annotations/{annotation_id}", {"timeEnd": end_ms, "text": text})

    def _call(self, verb: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        attempts = Retrying(
            retry=retry_if_exception_type(NotifyUnavailable),
            stop=stop_after_attempt(self._attempts),
            wait=wait_exponential(multiplier=0.5, max=5),
            sleep=self._sleep,
            reraise=True,
        )
        return attempts(self._once, verb, path, body)

    def _rows(self, path: str) -> list[dict[str, Any]]:
        answer = self._call("GET", path)
        if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
            raise self._strange()
        return answer

    def _field(self, answer: Any, key: str) -> Any:
        if not isinstance(answer, dict) or key not in answer:
            raise self._strange()
        return answer[key]

    def _strange(self) -> NotifyError:
        return NotifyError(f"{self.address} does not answer as Grafana does; is that Grafana?")

    def _once(self, verb: str, path: str, body: Mapping[str, object] | None) -> Any:
        api, refused, requests = self._open()
        try:
            return getattr(api, verb)(path, json=body)
        except refused as error:
            raise self._explain(verb, path.partition("?")[0], error.status_code, error.response) from None
        except requests.Timeout:
            raise NotifyUnavailable(f"Grafana at {self.address} did not answer within {self._timeout_seconds:g} s") from None
        except requests.exceptions.SSLError:
            raise NotifyError(
                f"the certificate of Grafana at {self.address} is not trusted; install its authority's"
            ) from None
        except requests.TooManyRedirects:
            raise NotifyError(f"Grafana at {self.address} redirects elsewhere; give its final address") from None
        except (requests.exceptions.JSONDecodeError, TypeError):  # TypeError: grafana_api met an error that is a JSON string
            raise self._strange() from None
        except requests.RequestException:
            raise NotifyUnavailable(f"Grafana at {self.address} can't be reached; is it running?") from None

    def _open(self) -> tuple[Any, Any, Any]:
        try:
            import requests
            from grafana_api.grafana_api import GrafanaAPI, GrafanaException
        except ImportError:
            raise ConfigError("Grafana needs a package that is not installed: pip install 'vqmon[grafana]'") from None
        if self._api is None:
            parts = urlsplit(self.address)
            self._api = GrafanaAPI(
                self._token,
                host=parts.netloc,
                protocol=parts.scheme,
                url_path_prefix=f"{parts.path}/".lstrip("/"),
                verify=self._verify,
                timeout=self._timeout_seconds,
            )
            self._api.s.max_redirects = 0  # a redirected POST would arrive as a GET
        return self._api, GrafanaException, requests

    def _explain(self, verb: str, path: str, status: int, answer: object) -> NotifyError:
        said = answer.get("message") if isinstance(answer, dict) else None
        reason = f": {said}" if isinstance(said, str) and said else ""
        where = f"Grafana at {self.address}"
        if status == 401:
            return NotifyError(f"{where} does not know the token (401); create a service account token with the role Editor")
        if status == 403:
            return NotifyError(f"{where} does not let this token {verb} /api{path} (403){reason}; give it the role Editor")
        if status == 404:
            return NotifyError(f"{where} has no /api{path} (404){reason}; check the address and its sub-path")
        if status == 412:
            return NotifyError(f"{where} keeps its own version (412){reason}; delete that one or choose another folder")
        if status == 429 or status >= 500:
            return NotifyUnavailable(f"{where} failed ({status}){reason}")
        return NotifyError(f"{where} refused {verb} /api{path} ({status}){reason}")


class GrafanaAnnotator:
    """Draws every incident on the dashboards: a mark when it fires, a region once it is resolved.

    Delivering a transition twice, or after a restart of vqmon, changes nothing: annotations are found again by the tag
    ``fingerprint:...`` and their start.
    """

    def __init__(self, client: GrafanaClient, *, name: str = "grafana") -> None:
        self.name = name
        self._client = client
        self._open: dict[tuple[str, int], int] = {}

    def notify(self, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            self.annotate(alert)

    def annotate(self, alert: Alert) -> int | None:
        """Bring the incident's annotation up to date; return its id, or ``None`` for an alert that never fired.

        Raises:
            NotifyUnavailable: Grafana is away for now.
            NotifyError: Grafana refused.
        """
        if alert.state not in {AlertState.FIRING, AlertState.RESOLVED}:
            return None
        start_ms = _epoch_ms(alert.starts_at)
        key = (alert.fingerprint, start_ms)
        known = self._open.get(key) or self._client.find_annotation([f"fingerprint:{alert.fingerprint}"], start_ms)
        if alert.state is AlertState.FIRING:
            if known is None:
                known = self._client.add_annotation(_text(alert), _tags(alert), start_ms)
            self._open[key] = known
            return known
        end_ms = max(start_ms, _epoch_ms(alert.ends_at)) if alert.ends_at is not None else start_ms
        if known is None:
            known = self._client.add_annotation(_text(alert), _tags(alert), start_ms, end_ms)
        else:
            self._client.end_annotation(known, _text(alert), end_ms)
        self._open.pop(key, None)
        return known

    def refresh(self, firing: Sequence[Alert], now: datetime) -> None:
        """Grafana keeps annotations; nothing to repeat."""

    def close(self) -> None:
        self._client.close()


def _epoch_ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _tags(alert: Alert) -> list[str]:
    pairs = {
        "stream": alert.stream,
        "rendition": alert.rendition,
        "alert": alert.name,
        "severity": str(alert.severity),
        "fingerprint": alert.fingerprint,
    }
    return ["vqmon", *(f"{key}:{value[:TAG_LENGTH]}" for key, value in pairs.items() if value)]


def _text(alert: Alert) -> str:
    """The annotation's text: Grafana renders it as HTML, and parts of it come from streams, so it is escaped."""
    title = f"<b>{html.escape(alert.name)}</b> {html.escape(alert.summary)}"
    lines = [title, *(html.escape(line) for line in (alert.description, *alert.evidence) if line)]
    return "<br>".join(lines)
