"""Webhooks: the body, the signature, what answers mean, and that no secret gets out."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import math
from dataclasses import replace

import httpx
import pytest

from monitor.errors import ConfigError, NotifyError, NotifyUnavailable
from monitor.notifiers import WebhookNotifier
from tests.unit.notifiers.samples import FIRING, Receiver, resolved

URL = "https://user:pa55word@hooks.example:8443/t0ken/path?key=s3cret"


def notifier(receiver: Receiver, **options: object) -> WebhookNotifier:
    return WebhookNotifier(URL, transport=receiver.transport, **options)  # type: ignore[arg-type]


def test_the_body_is_alertmanagers_version_4() -> None:
    receiver = Receiver()
    notifier(receiver, external_url="http://vqmon.example/").notify([FIRING])
    request = receiver.requests[0]
    assert str(request.url) == URL
    assert request.headers["Authorization"].startswith("Basic ")
    assert request.headers["Content-Type"] == "application/json"
    labels = {
        "alertname": "BlackPicture",
        "severity": "critical",
        "stream": "news",
        "rendition": "720p",
        "feature": "black_ratio",
    }
    annotations = {
        "summary": "news/720p: black picture for 6 s",
        "description": "Check the source.",
        "value": "0.9925",
        "threshold": "0.98",
        "segment_start_ms": "1795262400000",
        "evidence": "a.png b.mp4",
    }
    assert json.loads(request.content) == {
        "version": "4",
        "groupKey": '{}:{stream="news"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "webhook",
        "groupLabels": {"stream": "news"},
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": "http://vqmon.example/",
        "alerts": [
            {
                "status": "firing",
                "labels": labels,
                "annotations": annotations,
                "startsAt": "2026-11-21T12:00:00.000Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://vqmon.example/",
                "fingerprint": FIRING.fingerprint,
            }
        ],
    }


def test_one_request_for_each_run_of_a_stream_and_a_status() -> None:
    receiver = Receiver()
    other = replace(FIRING, rendition="360p")
    sport = replace(FIRING, stream="sport", feature="")
    monitor = replace(FIRING, stream="", rendition="", feature="", name="SinkBlocked")
    notifier(receiver).notify([FIRING, sport, other, resolved(), resolved(other), FIRING, monitor])
    bodies = [json.loads(request.content) for request in receiver.requests]
    assert [(body["groupLabels"], body["status"], len(body["alerts"])) for body in bodies] == [
        ({"stream": "news"}, "firing", 2),
        ({"stream": "news"}, "resolved", 2),
        ({"stream": "news"}, "firing", 1),
        ({"stream": "sport"}, "firing", 1),
        ({}, "firing", 1),
    ]
    assert bodies[1]["alerts"][0]["endsAt"] == "2026-11-21T12:00:08.000Z"
    assert "rendition" not in bodies[0]["commonLabels"]
    assert bodies[0]["commonLabels"]["alertname"] == "BlackPicture"
    assert bodies[4]["groupKey"] == "{}:{}"


def test_numbers_that_json_can_not_carry_are_left_out() -> None:
    receiver = Receiver()
    notifier(receiver).notify([replace(FIRING, value=math.inf, threshold=None)])
    assert {"value", "threshold"}.isdisjoint(json.loads(receiver.requests[0].content)["commonAnnotations"])


def test_the_signature_covers_time_and_body() -> None:
    receiver = Receiver()
    notifier(receiver, secret="k3y", clock=lambda: 1795262400.9).notify([FIRING])
    request = receiver.requests[0]
    expected = hmac.new(b"k3y", b"1795262400." + request.content, hashlib.sha256).hexdigest()
    assert request.headers["X-Vqmon-Signature"] == f"t=1795262400,v1={expected}"


def test_without_a_secret_nothing_is_signed() -> None:
    receiver = Receiver()
    notifier(receiver).notify([FIRING])
    assert "X-Vqmon-Signature" not in receiver.requests[0].headers


def test_a_repeat_has_the_key_of_the_first_and_what_was_accepted_is_not_repeated() -> None:
    sport = replace(FIRING, stream="sport")
    receiver = Receiver(200, httpx.ReadTimeout("late"))
    one = notifier(receiver, secret="k3y")
    with pytest.raises(NotifyUnavailable):
        one.notify([FIRING, sport])
    one.notify([FIRING, sport])
    streams = [json.loads(request.content)["groupLabels"]["stream"] for request in receiver.requests]
    assert streams == ["news", "sport", "sport"]
    keys = [request.headers["Idempotency-Key"] for request in receiver.requests]
    assert keys[1] == keys[2] != keys[0]
    later = replace(FIRING, starts_at=FIRING.starts_at.replace(minute=1))
    one.notify([later])
    assert len(receiver.requests) == 4


@pytest.mark.parametrize("answer", [500, 502, 503, 429, 408, httpx.ConnectError("no"), httpx.ReadTimeout("no")])
def test_what_may_work_later_is_unavailable(answer: int | Exception) -> None:
    with pytest.raises(NotifyUnavailable) as caught:
        notifier(Receiver(answer)).notify([FIRING])
    assert "https://hooks.example:8443" in str(caught.value)
    assert caught.value.retry_after_seconds is None


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410, 413])
def test_what_never_will_is_refused(status: int) -> None:
    with pytest.raises(NotifyError, match=f"answered {status}") as caught:
        notifier(Receiver(status)).notify([FIRING])
    assert not caught.value.retriable


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "17"}, 17),
        ({"Retry-After": "Sat, 21 Nov 2026 12:00:30 GMT", "Date": "Sat, 21 Nov 2026 12:00:00 GMT"}, 30),
        ({"Retry-After": "Sat, 21 Nov 2026 11:00:00 GMT", "Date": "Sat, 21 Nov 2026 12:00:00 GMT"}, 0),
        ({"Retry-After": "Sat, 21 Nov 2026 12:00:30 GMT"}, None),
        ({"Retry-After": "soon", "Date": "Sat, 21 Nov 2026 12:00:00 GMT"}, None),
    ],
)
def test_the_receiver_may_ask_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    with pytest.raises(NotifyUnavailable) as caught:
        notifier(Receiver(httpx.Response(429, headers=headers))).notify([FIRING])
    assert caught.value.retry_after_seconds == seconds


def test_secrets_reach_no_message_and_no_log_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "monitor")
    said = []
    for answer in (500, 403, httpx.ConnectError(f"no {URL}"), httpx.ReadTimeout(f"no {URL}")):
        with pytest.raises(NotifyError) as caught:
            notifier(Receiver(answer), secret="k3y").notify([FIRING])
        said.append(str(caught.value))
    text = " ".join([*said, *(record.getMessage() for record in caplog.records if record.name.startswith("monitor"))])
    for secret in ("pa55word", "t0ken", "s3cret", "k3y", "user"):
        assert secret not in text


@pytest.mark.parametrize("url", ["ftp://host/x", "hooks.example/x", "https://", "", "http://user:pa55word@h:port/"])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        WebhookNotifier(url)
    assert "pa55word" not in str(caught.value)


def test_connections_are_closed_and_can_be_opened_again() -> None:
    receiver = Receiver()
    one = notifier(receiver)
    one.close()
    one.notify([FIRING])
    one.close()
    one.notify([resolved()])
    one.refresh([FIRING], FIRING.starts_at)
    assert len(receiver.requests) == 2
    one.close()
