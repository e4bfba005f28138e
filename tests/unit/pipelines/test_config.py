"""Settings of ``vqmon watch``, right and wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.errors import ConfigError
from pipelines.config import SecretConfig, check_config, host_and_port, load_config, stream_name

WHOLE = """
streams:
  - name: channel
    url: https://example.com/live/master.m3u8
    reference: https://example.com/source/index.m3u8
    renditions: ["720p", "10*"]
    metrics: [psnr, blur]
    sampling: {mode: bursts, burst_frames: 4, burst_every_seconds: 3}
    segment_seconds: 6
    live: true
  - {name: file, url: film.mp4, realtime: true}
store: postgresql://localhost/vqmon
out: results.ndjson
listen: 0.0.0.0:8080
evidence: {dir: pictures, max_megabytes: 100}
rules: rules.yaml
notifiers:
  - {type: webhook, url: https://pager.example.com, secret: {env: PAGER_SECRET}, timeout_seconds: 3}
  - {type: alertmanager, url: http://localhost:9093}
  - {type: grafana, url: http://localhost:3000, token: {file: /run/secrets/grafana}}
workers: 4
isolate: false
retention_days: 7
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "watch.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_setting_is_read(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, WHOLE))
    channel, film = config.streams
    assert (channel.name, channel.renditions, channel.metrics) == ("channel", ("720p", "10*"), ("psnr", "blur"))
    assert (channel.sampling.mode, channel.sampling.burst_frames, channel.sampling.burst_every_seconds) == ("bursts", 4, 3)
    assert (channel.segment_seconds, channel.live, film.realtime, film.live) == (6, True, True, None)
    assert (config.store, config.listen, config.out) == (
        "postgresql://localhost/vqmon",
        "0.0.0.0:8080",
        Path("results.ndjson"),
    )
    assert config.evidence is not None
    assert (config.evidence.dir, config.evidence.max_megabytes) == (Path("pictures"), 100)
    assert [notifier.type for notifier in config.notifiers] == ["webhook", "alertmanager", "grafana"]
    assert (config.workers, config.isolate, config.retention_days) == (4, False, 7)


def test_what_is_not_said_has_a_sound_default(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, "streams: [{name: a, url: b.mp4}]"))
    [stream] = config.streams
    assert (stream.sampling.mode, stream.sampling.per_second) == ("rate", 2.0)
    assert stream.metrics is None
    assert config.listen is None  # nothing is served unless asked for
    assert config.retention_days == 30


STREAM = {"name": "a", "url": "b.mp4"}


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({}, "streams is missing"),
        ({"streams": []}, r"streams: .*at least 1"),
        ({"streams": [STREAM], "lissten": ":80"}, "unknown setting 'lissten'; did you mean 'listen'"),
        ({"streams": [STREAM], "xyzzy": 1}, "unknown setting 'xyzzy'$"),
        ({"streams": [{**STREAM, "sampeling": {}}]}, r"unknown setting 'sampeling' in streams\.0; did you mean 'sampling'"),
        (
            {"streams": [{**STREAM, "sampling": {"mod": "rate"}}]},
            r"unknown setting 'mod' in streams\.0\.sampling; did you mean 'mode'",
        ),
        ({"streams": [{**STREAM, "sampling": {"mode": "often"}}]}, r"streams\.0\.sampling\.mode: .*'keyframes'"),
        ({"streams": [{**STREAM, "sampling": {"per_second": 0}}]}, r"streams\.0\.sampling\.per_second: .*greater than 0"),
        ({"streams": [{**STREAM, "sampling": {"burst_every_seconds": float("inf")}}]}, "finite"),
        ({"streams": [{**STREAM, "metrics": "psnr"}]}, r"streams\.0\.metrics: Input should be a list"),
        ({"streams": [{"name": "a"}]}, r"streams\.0\.url is missing"),
        ({"streams": [STREAM, STREAM]}, "two streams are called 'a'"),
        ({"streams": [STREAM], "listen": "8080"}, "'8080' is no HOST:PORT"),
        ({"streams": [STREAM], "notifiers": [{"type": "fax", "url": "x"}]}, "notifiers.*'webhook'"),
        (
            {"streams": [STREAM], "notifiers": [{"type": "webhook", "urll": "x"}]},
            r"notifiers\.0\.webhook\.url is missing|unknown setting 'urll'.*did you mean 'url'",
        ),
        (
            {"streams": [STREAM], "notifiers": [{"type": "grafana", "url": "x", "token": {}}]},
            "exactly one of `env` and `file`",
        ),
        ({"streams": [STREAM], "workers": 0}, "workers: .*greater than or equal to 1"),
        ({"streams": [STREAM], "store": 3}, "store: .*string"),
    ],
)
def test_wrong_settings_are_named_in_one_line(document: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        check_config(document, where="watch.yaml")
    assert str(caught.value).startswith("watch.yaml: ")
    assert "\n" not in str(caught.value)


def test_secrets_are_not_quoted_by_errors() -> None:
    document = {"streams": [STREAM], "notifiers": [{"type": "webhook", "url": {"https://user:hunter2@example.com": 1}}]}
    with pytest.raises(ConfigError) as caught:
        check_config(document, where="watch.yaml")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("streams: [", "is no YAML"),
        ("\t- a", "is no YAML"),
        ("- a\n- b", "holds list; expected settings"),
        ("", "holds NoneType; expected settings"),
        ("just words", "holds str; expected settings"),
    ],
)
def test_files_that_are_no_settings(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        load_config(written(tmp_path, text))
    assert "watch.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"can't read the configuration .*nowhere\.yaml: No such file"):
        load_config(tmp_path / "nowhere.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"streams: \xe9")
    with pytest.raises(ConfigError, match="is no YAML"):
        load_config(tmp_path / "latin.yaml")


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        (":9000", ("127.0.0.1", 9000)),
        ("[::1]:80", ("::1", 80)),
        ("monitor.example.com:0", ("monitor.example.com", 0)),
    ],
)
def test_addresses_to_listen_on(text: str, pair: tuple[str, int]) -> None:
    assert host_and_port(text) == pair


@pytest.mark.parametrize("text", ["", "8080", "localhost", "localhost:", "localhost:http", "::1:80", "a:70000", "a:-1"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no HOST:PORT; expected for example 127\.0\.0\.1:8080"):
        host_and_port(text)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://cdn.example.com/live/sports/master.m3u8?token=secret", "cdn.example.com/sports"),
        ("https://user:pw@cdn.example.com/sports.m3u8", "cdn.example.com/sports"),
        ("https://cdn.example.com/index.m3u8", "cdn.example.com/index"),
        ("https://cdn.example.com", "cdn.example.com"),
        ("rtsp://10.0.0.7:554/camera/1", "10.0.0.7/1"),
        ("udp://239.1.1.1:5000", "239.1.1.1"),
        ("udp://:5000", "udp"),
        ("films/holiday 2.mp4", "holiday 2"),
        ("file:///films/holiday.mp4", "holiday"),
        ("", "stream"),
    ],
)
def test_names_of_streams_tell_them_apart_and_keep_secrets(url: str, name: str) -> None:
    assert stream_name(url) == name


def test_an_address_that_is_none_is_refused_unquoted() -> None:
    with pytest.raises(ConfigError, match="no address that can be understood") as caught:
        stream_name("http://user:hunter2@[::1/live")
    assert "hunter2" not in str(caught.value)


def test_secrets_come_from_the_environment_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("  s3cret\n")
    assert SecretConfig(env="TOKEN").read({"TOKEN": "s3cret"}) == "s3cret"
    assert SecretConfig(file=tmp_path / "token").read({}) == "s3cret"


def test_secrets_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for secret, complaint in (
        (SecretConfig(env="TOKEN"), "environment variable TOKEN is empty or not set"),
        (SecretConfig(file=tmp_path / "nowhere"), "can't read the secret file .*nowhere: No such file"),
        (SecretConfig(file=tmp_path / "empty"), "empty is empty"),
        (SecretConfig(file=tmp_path / "binary"), "binary is no text"),
    ):
        with pytest.raises(ConfigError, match=complaint):
            secret.read({"TOKEN": ""})
