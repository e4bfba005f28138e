"""The settings of ``vqmon watch``: YAML in, checked models out.

Every key is checked; an unknown one is answered with its nearest match. Secrets are named by environment variable or file,
never written into the configuration.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from monitor.errors import ConfigError


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SamplingConfig(_Model):
    """Which frames to score."""

    mode: Literal["every", "rate", "keyframes", "bursts"] = "rate"
    per_second: Annotated[float, Field(gt=0, le=1000)] = 2.0
    """Frames a second of media time, for ``rate``."""
    burst_frames: Annotated[int, Field(ge=2)] = 5
    burst_every_seconds: Annotated[float, Field(gt=0)] = 2.0


class StreamConfig(_Model):
    """One stream to watch."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    url: Annotated[str, Field(min_length=1)]
    reference: str | None = None
    """URL of the source, on the same timeline (PDT or PTS): switches the full-reference metrics on."""
    renditions: tuple[str, ...] = ("*",)
    """Globs over rendition names: which rungs of an HLS master playlist to watch."""
    metrics: tuple[str, ...] | None = None
    """Metric or feature names; by default every metric that the input allows."""
    sampling: SamplingConfig = SamplingConfig()
    segment_seconds: Annotated[float, Field(ge=0.5, le=60)] = 4.0
    """Length of a segment where the input has none of its own."""
    live: bool | None = None
    """Whether silence is a failure; by default decided by the URL."""
    realtime: bool = False
    """Pace a file as if it were live."""


class SecretConfig(_Model):
    """Where a secret comes from: exactly one of the two."""

    env: str | None = None
    file: Path | None = None

    @model_validator(mode="after")
    def _one(self) -> SecretConfig:
        if (self.env is None) == (self.file is None):
            raise ValueError("name the secret by exactly one of `env` and `file`")
        return self

    def read(self, environment: Mapping[str, str] = os.environ) -> str:
        """The secret.

        Raises:
            ConfigError: the variable is not set or the file can't be read.
        """
        if self.env is not None:
            value = environment.get(self.env, "")
            if not value:
                raise ConfigError(f"environment variable {self.env} is empty or not set; it should hold a secret")
            return value
        try:
            assert self.file is not None
            value = self.file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError(f"can't read the secret file {self.file}: {error.strerror}") from error
        except UnicodeDecodeError:
            raise ConfigError(f"the secret file {self.file} is no text") from None
        if not value:
            raise ConfigError(f"the secret file {self.file} is empty")
        return value


class WebhookConfig(_Model):
    """POST alerts in Alertmanager's webhook format."""

    type: Literal["webhook"]
    url: str
    secret: SecretConfig | None = None
    """Signs each body with HMAC-SHA256."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 10.0


class AlertmanagerConfig(_Model):
    """Send alerts to Alertmanager's v2 API."""

    type: Literal["alertmanager"]
    url: str
    timeout_seconds: Annotated[float, Field(gt=0)] = 10.0


class GrafanaConfig(_Model):
    """Mark each incident as a Grafana annotation."""

    type: Literal["grafana"]
    url: str
    token: SecretConfig


NotifierConfig = Annotated[WebhookConfig | AlertmanagerConfig | GrafanaConfig, Field(discriminator="type")]


class EvidenceConfig(_Model):
    """Where the pictures of an alert go."""

    dir: Path = Path("vqmon-evidence")
    max_megabytes: Annotated[int, Field(ge=1)] = 512


class WatchConfig(_Model):
    """Everything ``vqmon watch`` needs."""

    streams: Annotated[tuple[StreamConfig, ...], Field(min_length=1)]
    store: str = "sqlite:///vqmon.db"
    out: Path | None = None
    """Also write every result to this NDJSON file; ``-`` is standard output."""
    listen: str | None = None
    """``HOST:PORT`` of the dashboard and /metrics; off by default."""
    evidence: EvidenceConfig | None = EvidenceConfig()
    rules: Path | None = None
    """Alert rules that change or add to the shipped ones."""
    notifiers: tuple[NotifierConfig, ...] = ()
    workers: Annotated[int, Field(ge=1, le=64)] | None = None
    """Scoring threads; by default one a CPU core."""
    isolate: bool = True
    """Decode in child processes, so that a decoder's crash costs one group of streams and not the monitor."""
    retention_days: Annotated[float, Field(gt=0)] | None = 30.0

    @field_validator("listen")
    @classmethod
    def _listen(cls, value: str | None) -> str | None:
        if value is not None:
            host_and_port(value)
        return value

    @model_validator(mode="after")
    def _unique_names(self) -> WatchConfig:
        names = [stream.name for stream in self.streams]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two streams are called {twice[0]!r}; each needs a name of its own")
        return self


def host_and_port(text: str) -> tuple[str, int]:
    """``HOST:PORT``, ``[IPv6]:PORT`` or ``:PORT`` (loopback) as a pair.

    Raises:
        ValueError: it is neither, or the port is out of range.
    """
    match = re.fullmatch(r"(?:\[(?P<six>[^\]]+)\]|(?P<host>[^:]*)):(?P<port>\d+)", text)
    if match is None or int(match["port"]) > 65535:
        raise ValueError(f"{text!r} is no HOST:PORT; expected for example 127.0.0.1:8080")
    return match["six"] or match["host"] or "127.0.0.1", int(match["port"])


def load_config(path: Path) -> WatchConfig:
    """Read and check a configuration file; relative paths in it are relative to the current directory.

    Raises:
        ConfigError: it can't be read, is no YAML, or a setting is wrong.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"can't read the configuration {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path} holds {type(document).__name__}; expected settings such as `streams:`")
    return check_config(document, where=str(path))


def check_config(document: Mapping[str, object], *, where: str) -> WatchConfig:
    """Check settings that are already in memory.

    Raises:
        ConfigError: a setting is wrong; the message names it as ``where: key: what``.
    """
    try:
        return WatchConfig.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{where}: {_explain(first['loc'], first['type'], first['msg'])}") from error


def _explain(location: tuple[int | str, ...], kind: str, message: str) -> str:
    """One line for one validation error."""
    message = message.replace("a valid tuple", "a list").removeprefix("Value error, ")
    key = ".".join(str(part) for part in location)
    if kind == "extra_forbidden":
        parent = ".".join(str(part) for part in location[:-1])
        near = difflib.get_close_matches(str(location[-1]), sorted(_known_keys(location[:-1])), n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"unknown setting {str(location[-1])!r}{f' in {parent}' if parent else ''}{hint}"
    if kind == "missing":
        return f"{key} is missing"
    return f"{key}: {message}" if key else message


def _known_keys(location: tuple[int | str, ...]) -> set[str]:
    """Names that are settings at ``location``."""
    names = [part for part in location if isinstance(part, str)]
    if not names:
        return set(WatchConfig.model_fields)
    models: dict[str, type[BaseModel]] = {
        "streams": StreamConfig,
        "sampling": SamplingConfig,
        "evidence": EvidenceConfig,
        "secret": SecretConfig,
        "token": SecretConfig,
        "webhook": WebhookConfig,
        "alertmanager": AlertmanagerConfig,
        "grafana": GrafanaConfig,
    }
    model = models.get(names[-1])
    return set(model.model_fields) if model is not None else set()


def stream_name(url: str) -> str:
    """A name for a stream given as a bare URL: host and last folder, or a file's stem.

    Raises:
        ConfigError: it is no URL.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ConfigError("an input is no address that can be understood; check its host and port") from None
    if not parts.scheme or parts.scheme == "file":
        return Path(parts.path or url).stem or "stream"
    folders = [part for part in parts.path.split("/") if part]
    stem = Path(folders[-1]).stem if folders else ""
    name = folders[-2] if stem in {"master", "index", "playlist", "main", "manifest"} and len(folders) > 1 else stem
    return f"{parts.hostname or parts.scheme}/{name}" if name else (parts.hostname or parts.scheme)
