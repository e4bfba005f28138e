"""What receivers get of a real watch: the body, its signature, the evidence, and no influence on scoring."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
import time
from pathlib import Path

import cv2

from tests.e2e.channel import SIZE, Channel, segment
from tests.e2e.receiver import Receiver
from tests.e2e.watch_command import assert_no_traceback, configuration, eventually, rules, watch
from tests.unit.sources.origin import Origin


def test_an_alert_comes_signed_in_alertmanagers_format_with_pictures(tmp_path: Path) -> None:
    quick = rules(tmp_path, {"name": "VeryLowScore", "segments": 2, "keep_firing_for_seconds": 0})
    with (
        Receiver() as receiver,
        Origin() as origin,
        Channel(origin, "source") as source,
        Channel(origin, "live", lambda n: segment(n, crf=51), started_at=source.started_at) as channel,
    ):
        config = configuration(
            tmp_path,
            [{"name": "news", "url": channel.url, "reference": source.url}],
            rules=str(quick),
            evidence={"dir": "evidence"},
            notifiers=[{"type": "webhook", "url": receiver.url, "secret": {"env": "HOOK_SECRET"}}],
        )
        with watch(tmp_path, config, env={"HOOK_SECRET": "k3y"}) as command:
            eventually("the alert is told", lambda: receiver.alerts("VeryLowScore", "firing"))
            channel.make = segment
            eventually("its end is told", lambda: receiver.alerts("VeryLowScore", "resolved"))
            command.signal(signal.SIGTERM)
            assert command.wait(20) == 0
    assert_no_traceback(command)
    for posted in receiver.posted:
        stamp, given = (part.split("=")[1] for part in posted.headers["X-Vqmon-Signature"].split(","))
        assert given == hmac.new(b"k3y", f"{stamp}.".encode() + posted.body, hashlib.sha256).hexdigest()
        assert abs(time.time() - int(stamp)) < 300
        assert {"version", "groupKey", "status", "receiver", "groupLabels", "commonLabels", "alerts"} <= set(posted.document)
        assert posted.document["version"] == "4"
    [firing] = receiver.alerts("VeryLowScore", "firing")
    assert firing["labels"]["stream"] == "news"
    assert firing["labels"]["rendition"] == "main"
    names = firing["annotations"]["evidence"].split()
    assert [name.rsplit("/", 1)[1] for name in names] == ["frame.jpg", "reference.jpg", "segment.json"]
    worst, reference = (cv2.imread(str(tmp_path / "evidence" / name)) for name in names[:2])
    assert worst.shape == reference.shape == (SIZE[1], SIZE[0], 3)
    assert float(abs(worst.astype(float) - reference).mean()) > 5  # the damage is to be seen
    facts = json.loads((tmp_path / "evidence" / names[2]).read_text(encoding="utf-8"))
    assert facts["worst"]["feature"] == firing["labels"]["feature"]
    [incident] = command.store.incidents("VeryLowScore")
    assert incident.evidence == tuple(names)
    [resolved] = receiver.alerts("VeryLowScore", "resolved")
    assert resolved["annotations"]["evidence"].split() == names


def test_a_receiver_that_never_answers_does_not_slow_scoring(tmp_path: Path) -> None:
    quick = rules(tmp_path, {"name": "BlackPicture", "for_seconds": 0, "keep_firing_for_seconds": 0})
    with (
        Receiver(hang=True) as receiver,
        Receiver() as other,
        Origin() as origin,
        Channel(origin, "live", lambda n: segment(n, black=n % 4 < 2)) as channel,  # an alert every four seconds
    ):
        config = configuration(
            tmp_path,
            [{"name": "news", "url": channel.url}],
            rules=str(quick),
            listen="127.0.0.1:0",
            notifiers=[
                {"type": "webhook", "url": receiver.url, "timeout_seconds": 30},
                {"type": "webhook", "url": other.url},
            ],
        )
        with watch(tmp_path, config) as command:
            eventually("the first alert is told to both", lambda: receiver.posted and other.posted)
            eventually("the other is told of more", lambda: len(other.posted) >= 5)
            assert len(receiver.posted) == 1
            eventually(
                "the newest segment is scored within seconds",
                lambda: channel.published - 1 - command.store.sequences("news")[-1] <= 2,
            )
            assert command.metric("vqmon_pipeline_lag_seconds", stream="news") < 3
            command.signal(signal.SIGTERM)
            assert command.wait(40) == 0
    assert_no_traceback(command)
