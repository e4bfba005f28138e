from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.errors import ConfigError, NotifyError, NotifyUnavailable
from monitor.grafana import GrafanaAnnotator, GrafanaClient
from monitor.protocols import Notifier
from monitor.types import Alert, AlertState, Severity
from tests.unit.grafana_stand_in import TOKEN, GrafanaStandIn

START = datetime(2026, 11, 21, 10, 0, 0, 250_000, tzinfo=UTC)
START_MS = 1_795_255_200_250
DASHBOARD = {"uid": "vqmon-test", "title": "Test", "panels": [], "id": 7}


@pytest.fixture
def grafana() -> Iterator[GrafanaStandIn]:
    with GrafanaStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def client(grafana: GrafanaStandIn) -> Iterator[GrafanaClient]:
    client = GrafanaClient(grafana.url, TOKEN, sleep=lambda seconds: None)
    yield client
    client.close()


@pytest.fixture
def annotator(client: GrafanaClient) -> GrafanaAnnotator:
    return GrafanaAnnotator(client)


def alert(state: AlertState = AlertState.FIRING, **changes: object) -> Alert:
    firing = Alert(
        name="BlackPicture",
        state=state,
        severity=Severity.CRITICAL,
        stream="news",
        rendition="720p",
        feature="",
        starts_at=START,
        ends_at=START + timedelta(seconds=12) if state is AlertState.RESOLVED else None,
        value=1.0,
        threshold=0.98,
        summary="news/720p is black",
        evidence=("news/1.png",),
    )
    return replace(firing, **changes)  # type: ignore[arg-type]


def test_dashboard_is_created_then_replaced_in_its_folder(grafana: GrafanaStandIn, client: GrafanaClient) -> None:
    folder = client.ensure_folder("vqmon")
    address = client.put_dashboard(DASHBOARD, folder, "first")
    assert address == f"{grafana.url}/d/vqmon-test/test"
    client.put_dashboard({**DASHBOARD, "title": "Renamed"}, folder)
    assert grafana.dashboards["vqmon-test"]["title"] == "Renamed"
    assert grafana.dashboards["vqmon-test"]["version"] == 2
    assert grafana.folder_of["vqmon-test"] == folder


def test_dashboards_in_the_root_need_no_folder(grafana: GrafanaStandIn, client: GrafanaClient) -> None:
    assert client.ensure_folder("") == ""
    client.put_dashboard(DASHBOARD)
    assert grafana.folder_of["vqmon-test"] == ""


def test_folder_is_made_once(grafana: GrafanaStandIn, client: GrafanaClient) -> None:
    assert client.ensure_folder("vqmon") == client.ensure_folder("vqmon")
    assert list(grafana.folders.values()) == ["vqmon"]


def test_folder_whose_creation_was_not_answered_is_found(grafana: GrafanaStandIn, client: GrafanaClient) -> None:
    client.ensure_folder("warm")
    original = grafana.create_folder

    def lose_first(body: dict[str, object]) -> dict[str, str]:
        grafana.lose_next_answer = "vqmon" not in grafana.folders.values()
        return original(body)

    grafana.create_folder = lose_first  # type: ignore[method-assign]
    assert grafana.folders[client.ensure_folder("vqmon")] == "vqmon"
    assert list(grafana.folders.values()) == ["warm", "vqmon"]


def test_unknown_folder_is_refused_with_grafanas_words(client: GrafanaClient) -> None:
    with pytest.raises(NotifyError, match=r"refused POST /api/dashboards/db \(400\): folder not found"):
        client.put_dashboard(DASHBOARD, "nowhere")


def test_provisioned_dashboard_says_so(grafana: GrafanaStandIn, client: GrafanaClient) -> None:
    grafana.provisioned.add("vqmon-test")
    with pytest.raises(NotifyError, match="Cannot save provisioned dashboard"):
        client.put_dashboard(DASHBOARD)


def test_plugin_dashboard_is_a_412(grafana: GrafanaStandIn, client: GrafanaClient) -> None:
    grafana.plugin_owned.add("vqmon-test")
    with pytest.raises(NotifyError, match=r"keeps its own version \(412\): The dashboard belongs to plugin"):
        client.put_dashboard(DASHBOARD)


@pytest.mark.parametrize("uid", [None, "", "x" * 41, "bad uid", "bäd", 7])
def test_impossible_uid_never_leaves(grafana: GrafanaStandIn, client: GrafanaClient, uid: object) -> None:
    with pytest.raises(ConfigError, match="dashboard uid"):
        client.put_dashboard({**DASHBOARD, "uid": uid})
    assert grafana.requests == []


@pytest.mark.parametrize("title", [None, "", "  ", 7])
def test_dashboard_without_title_never_leaves(grafana: GrafanaStandIn, client: GrafanaClient, title: object) -> None:
    with pytest.raises(ConfigError, match="'vqmon-test' has no title"):
        client.put_dashboard({**DASHBOARD, "title": title})
    assert grafana.requests == []


def test_sub_path_is_kept() -> None:
    with GrafanaStandIn(sub_path="/grafana") as grafana:
        client = GrafanaClient(f"{grafana.url}/", TOKEN)
        assert client.put_dashboard(DASHBOARD) == f"{grafana.url}/d/vqmon-test/test"
        client.close()


@pytest.mark.parametrize(
    "url",
    ["", "grafana", "127.0.0.1:3000", "ftp://127.0.0.1", "http://", "http://127.0.0.1:3000/?token=s3cret", "http://h/#x"],
)
def test_address_must_be_one(url: str) -> None:
    with pytest.raises(ConfigError, match="Grafana address") as raised:
        GrafanaClient(url, TOKEN)
    assert "s3cret" not in str(raised.value)


def test_password_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="service account token") as raised:
        GrafanaClient("http://admin:s3cret@127.0.0.1:3000", TOKEN)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("token", ["", " ", "s3cret\n", "s3crét", "two words"])
def test_token_must_fit_a_header_and_is_not_repeated(token: str) -> None:
    with pytest.raises(ConfigError, match="token") as raised:
        GrafanaClient("http://127.0.0.1:3000", token)
    assert "s3cr" not in str(raised.value)


def test_wrong_token_is_one_clear_line_without_the_token(grafana: GrafanaStandIn, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = GrafanaClient(grafana.url, "glsa_wr0ng")
    with pytest.raises(NotifyError, match=r"does not know the token \(401\)") as raised:
        client.ensure_folder("vqmon")
    client.close()
    assert len(grafana.requests) == 1
    assert "wr0ng" not in str(raised.value) + caplog.text
    assert "\n" not in str(raised.value)


def test_missing_permission_names_the_call(grafana: GrafanaStandIn, client: GrafanaClient) -> None:
    grafana.forbidden = True
    with pytest.raises(NotifyError, match=r"does not let this token GET /api/folders \(403\).*role Editor"):
        client.ensure_folder("vqmon")


def test_wrong_sub_path_is_a_404(grafana: GrafanaStandIn) -> None:
    client = GrafanaClient(f"{grafana.url}/elsewhere", TOKEN)
    with pytest.raises(NotifyError, match=r"has no /api/folders \(404\).*sub-path"):
        client.ensure_folder("vqmon")
    client.close()


@pytest.mark.parametrize("failure", [(500, b'{"message":"database is locked"}'), (503, b"<html>"), (502, b""), (429, b"{}")])
def test_passing_failure_is_tried_again(grafana: GrafanaStandIn, client: GrafanaClient, failure: tuple[int, bytes]) -> None:
    grafana.failures += [failure, failure]
    client.put_dashboard(DASHBOARD)
    assert "vqmon-test" in grafana.dashboards


def test_lasting_failure_ends_after_the_attempts(grafana: GrafanaStandIn) -> None:
    waited: list[float] = []
    client = GrafanaClient(grafana.url, TOKEN, attempts=3, sleep=waited.append)
    grafana.failures += [(503, b'{"message":"starting"}')] * 3
    with pytest.raises(NotifyUnavailable, match=r"failed \(503\): starting"):
        client.ensure_folder("vqmon")
    client.close()
    assert len(grafana.requests) == 3
    assert waited == [0.5, 1.0]


def test_refusal_is_not_tried_again(grafana: GrafanaStandIn, client: GrafanaClient) -> None:
    grafana.failures += [(400, b'"the word message in a string"')]
    with pytest.raises(NotifyError):
        client.find_annotation(["vqmon"], START_MS)
    assert len(grafana.requests) == 1


def test_answer_that_is_not_json_names_the_address(grafana: GrafanaStandIn, client: GrafanaClient) -> None:
    grafana.failures += [(200, b"<html>hello</html>")]
    with pytest.raises(NotifyError, match=r"is that Grafana\?"):
        client.ensure_folder("vqmon")


@pytest.mark.parametrize("payload", [b'{"hello": "world"}', b'["hello"]', b"3", b"null"])
def test_answer_of_another_shape_names_the_address(grafana: GrafanaStandIn, client: GrafanaClient, payload: bytes) -> None:
    grafana.failures += [(200, payload)]
    with pytest.raises(NotifyError, match=r"is that Grafana\?"):
        client.ensure_folder("vqmon")


def test_redirects_are_not_followed(grafana: GrafanaStandIn, client: GrafanaClient) -> None:
    grafana.redirect_to = "http://127.0.0.1:9"
    with pytest.raises(NotifyError, match="redirects elsewhere"):
        client.put_dashboard(DASHBOARD)


def test_nobody_listening_is_unavailable() -> None:
    with GrafanaStandIn() as grafana:
        url = grafana.url
    client = GrafanaClient(url, TOKEN, attempts=1)
    with pytest.raises(NotifyUnavailable, match="can't be reached"):
        client.ensure_folder("vqmon")
    client.close()


def test_missing_extra_tells_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grafana_api.grafana_api", None)
    with pytest.raises(ConfigError, match=r"pip install 'vqmon\[grafana\]'"):
        GrafanaClient("http://127.0.0.1:3000", TOKEN).ensure_folder("vqmon")


def test_annotator_is_a_notifier(annotator: GrafanaAnnotator) -> None:
    notifier: Notifier = annotator
    assert notifier.name == "grafana"
    notifier.refresh([alert()], START)
    notifier.close()


def test_incident_is_marked_then_closed(grafana: GrafanaStandIn, annotator: GrafanaAnnotator) -> None:
    annotator.notify([alert()])
    assert [item["timeEnd"] - item["time"] for item in grafana.annotations.values()] == [0]
    annotator.notify([alert(AlertState.RESOLVED)])
    (item,) = grafana.annotations.values()
    assert (item["time"], item["timeEnd"]) == (START_MS, START_MS + 12_000)
    assert item["tags"] == [
        "vqmon",
        "stream:news",
        "rendition:720p",
        "alert:BlackPicture",
        "severity:critical",
        f"fingerprint:{alert().fingerprint}",
    ]
    assert item["text"] == "<b>BlackPicture</b> news/720p is black<br>news/1.png"


def test_repeated_transitions_change_nothing(grafana: GrafanaStandIn, annotator: GrafanaAnnotator) -> None:
    annotator.notify([alert(), alert(), alert(AlertState.RESOLVED), alert(AlertState.RESOLVED)])
    assert len(grafana.annotations) == 1


def test_incident_is_closed_after_a_restart(grafana: GrafanaStandIn, client: GrafanaClient) -> None:
    GrafanaAnnotator(client).notify([alert()])
    GrafanaAnnotator(client).notify([alert(AlertState.RESOLVED)])
    (item,) = grafana.annotations.values()
    assert item["timeEnd"] == START_MS + 12_000
    assert "stream:news" in item["tags"]


def test_incident_that_fired_while_grafana_was_away_is_drawn_whole(
    grafana: GrafanaStandIn, annotator: GrafanaAnnotator
) -> None:
    annotator.notify([alert(AlertState.RESOLVED)])
    (item,) = grafana.annotations.values()
    assert (item["time"], item["timeEnd"]) == (START_MS, START_MS + 12_000)


def test_later_incident_of_the_same_alert_is_another_annotation(
    grafana: GrafanaStandIn, annotator: GrafanaAnnotator
) -> None:
    later = START + timedelta(minutes=1)
    annotator.notify([alert(), alert(AlertState.RESOLVED), alert(starts_at=later)])
    assert [item["time"] for item in grafana.annotations.values()] == [START_MS, START_MS + 60_000]


def test_lost_answer_makes_no_second_annotation(grafana: GrafanaStandIn, annotator: GrafanaAnnotator) -> None:
    original = grafana.annotate

    def lose(body: dict[str, object]) -> dict[str, object]:
        grafana.lose_next_answer = True
        return original(body)

    grafana.annotate = lose  # type: ignore[method-assign]
    with pytest.raises(NotifyUnavailable):
        annotator.notify([alert()])
    annotator.notify([alert()])
    assert len(grafana.annotations) == 1


@pytest.mark.parametrize("state", [AlertState.PENDING, AlertState.INACTIVE])
def test_alert_that_never_fired_is_not_drawn(
    grafana: GrafanaStandIn, annotator: GrafanaAnnotator, state: AlertState
) -> None:
    annotator.notify([alert(state)])
    assert grafana.requests == []


def test_text_from_streams_is_escaped_and_tags_fit(grafana: GrafanaStandIn, annotator: GrafanaAnnotator) -> None:
    annotator.notify([alert(summary="<script>alert(1)</script>", stream="s" * 300, rendition="é:&" * 50)])
    (item,) = grafana.annotations.values()
    assert "<script>" not in item["text"]
    assert f"stream:{'s' * 100}" in item["tags"]
    annotator.notify([alert(AlertState.RESOLVED, stream="s" * 300, rendition="é:&" * 50)])
    assert len(grafana.annotations) == 1
