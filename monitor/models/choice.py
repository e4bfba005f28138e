"""Which VMAF models are meant: by libvmaf's spelling, or by how the picture is watched.

Source: libvmaf tools/README.md (option ``--model``), resource/doc/models_v0.md and models_v1.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from monitor.errors import ConfigError, UnknownName
from monitor.models.files import KNOWN, PHONE

VERSIONS = ("0.6", "1")
"""Generations: v0.6.1, FFmpeg's default, and v1.0.16."""

DISPLAYS = ("hd", "4k")
VIEWS = ("3h", "5h", "phone", "1.5h")
"""Viewing distances in heights of the picture; a phone is seen from five."""

HFR = ("auto", "on", "off")

HFR_FROM = 47.0
"""Frames a second from which a clip counts as of a high frame rate: v1's variants are made for 50 and 60."""

LARGEST_HD = (2560, 1440)
"""Width and height above which a picture is for a 4K display."""

ENCODING = ("enc_width", "enc_height", "enc_bitdepth")
"""What libvmaf may be told of the encode, as ``cambi.NAME``."""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """One model to score with."""

    model: str
    """Name of a published model, or ``path=FILE``."""
    name: str = ""
    """What the score is to be called; ``""``: as the model's metric, or after the file."""
    transform: bool = False
    """Whether the curve that the file stores is applied even where the file does not ask for it."""
    options: Mapping[str, int] = field(default_factory=dict)
    """Options of the metric."""


class Viewing(NamedTuple):
    """How a picture is watched."""

    version: str
    display: str
    view: str


MODELS: Mapping[Viewing, str] = MappingProxyType({
    Viewing("0.6", "hd", "3h"): "vmaf_v0.6.1",
    Viewing("0.6", "hd", "5h"): PHONE,
    Viewing("0.6", "4k", "1.5h"): "vmaf_4k_v0.6.1",
    Viewing("1", "hd", "3h"): "vmaf_v1.0.16_3d0h",
    Viewing("1", "hd", "5h"): "vmaf_v1.0.16_5d0h",
    Viewing("1", "4k", "1.5h"): "vmaf_v1.0.16_1d5h_2160",
    Viewing("1", "4k", "3h"): "vmaf_v1.0.16_3d0h_2160",
})  # fmt: skip
"""Names by what the models are made for."""


def parse_model(text: str) -> list[ModelChoice]:
    """Read what users give libvmaf: ``version=NAME[:name=KEY][:enable_transform=true]``, ``path=FILE...``, or a plain name.

    Several are parted by ``|``, as in FFmpeg's filter; so may colons be escaped as there.

    Raises:
        UnknownName: no published model of that name; the message lists near matches.
        ConfigError: a part is not known, or is of no use.
    """
    choices = [_parsed(part.strip()) for part in text.split("|") if part.strip()]
    if not choices:
        raise ConfigError(f"--model {text!r} names no model; write version=NAME or path=FILE")
    return choices


def choose_models(
    models: Sequence[str] = (),
    *,
    display: str | None = None,
    view: str | None = None,
    versions: Sequence[str] = (),
    neg: bool = False,
    hfr: str = "auto",
    frame_rate: float = 0.0,
    size: tuple[int, int] | None = None,
) -> list[ModelChoice]:
    """The models to score a clip with, each once.

    Args:
        models: As ``parse_model`` reads them; with any, nothing else may be asked for.
        display: ``hd`` or ``4k``; ``None``: what suits ``size``, or ``hd``.
        view: ``3h``, ``5h`` or ``phone``, ``1.5h``; ``None``: three heights of an HD display, one and a half of a 4K one.
        versions: ``0.6``, ``1``, or both; none: ``0.6``, as in FFmpeg.
        neg: Whether contrast that an encoder enhanced does not count (0.6 only: in v1 it never does).
        hfr: ``on``, ``off``, or ``auto``: v1's variant for high frame rates from 47 frames a second on.
        frame_rate: Of the clip, 1/s; 0 where it is not known.
        size: Width and height of the reference.

    Raises:
        ConfigError: there is no such model; the message says which there are.
    """
    if models:
        if display or view or versions or neg or hfr == "on":
            raise ConfigError("name models, or say how the picture is watched (display, view, version, neg, hfr), not both")
        return list({str(choice): choice for text in models for choice in parse_model(text)}.values())
    for kind, value, known in (("display", display, DISPLAYS), ("view", view, VIEWS), ("hfr setting", hfr, HFR)):
        if value is not None and value not in known:
            raise UnknownName(kind, value, known)
    if display is None:
        display = "4k" if size is not None and (size[0] > LARGEST_HD[0] or size[1] > LARGEST_HD[1]) else "hd"
    view = {"phone": "5h", None: "3h" if display == "hd" else "1.5h"}.get(view, view)
    fast = hfr == "on" or (hfr == "auto" and frame_rate >= HFR_FROM)
    chosen = [_chosen(Viewing(version, display, str(view)), neg, fast) for version in versions or VERSIONS[:1]]
    if hfr == "on" and set(versions) <= {"0.6"}:
        raise ConfigError("only VMAF v1 has models for high frame rates; ask for version 1, or leave hfr off")
    if neg and "0.6" not in (versions or VERSIONS[:1]):
        raise ConfigError("VMAF v1 has no NEG models, because enhanced contrast never counts in it; leave neg out")
    return list({choice.model: choice for choice in chosen}.values())


def _chosen(viewing: Viewing, neg: bool, fast: bool) -> ModelChoice:
    if viewing.version not in VERSIONS:
        raise UnknownName("VMAF version", viewing.version, VERSIONS)
    if viewing not in MODELS:
        known = ", ".join(f"{each.display} from {each.view}" for each in MODELS if each.version == viewing.version)
        raise ConfigError(
            f"VMAF {viewing.version} has no model for display {viewing.display} seen from {viewing.view}; known: {known}"
        )
    name = MODELS[viewing]
    if viewing.version == "1":
        return ModelChoice(name.replace("vmaf_v1.0.16_", "vmaf_v1.0.16_hfr_") if fast else name)
    if neg:
        if f"{name}neg" not in KNOWN:
            raise ConfigError(f"model {name} has no NEG variant; those that have: vmaf_v0.6.1, vmaf_4k_v0.6.1")
        name = f"{name}neg"
    return ModelChoice(name)


def _parsed(text: str) -> ModelChoice:
    parts = [part.rstrip("\\") for part in text.split(":")]
    first, separator, value = parts[0].partition("=")
    if separator and first not in ("version", "path"):
        raise ConfigError(f"model {text!r} begins with {first!r}; it must begin with version=NAME or path=FILE")
    if first == "path":
        if not value:
            raise ConfigError(f"model {text!r} names no file; write path=FILE")
        choice = ModelChoice(f"path={value}")
    else:
        choice = ModelChoice(value if separator else first)
        if choice.model.endswith(".json"):
            raise ConfigError(f"model {text!r} is the name of a file; write path={choice.model}")
        if choice.model not in KNOWN:
            raise UnknownName("VMAF model", choice.model, KNOWN, "Any other one goes by path=FILE.")
    for part in parts[1:]:
        key, _, value = part.partition("=")
        extractor, _, option = key.partition(".")
        if key == "name" and value:
            choice = replace(choice, name=value)
        elif key == "enable_transform" and value in ("true", "false", "1", "0"):
            choice = replace(choice, transform=value in ("true", "1"))
        elif extractor == "cambi" and option in ENCODING and value.isdigit():
            choice = replace(choice, options={**choice.options, option: int(value)})
        else:
            offer = ", ".join(("name=KEY", "enable_transform=true", *(f"cambi.{each}=N" for each in ENCODING)))
            raise ConfigError(f"model {text!r}: {part!r} is not known after the model; known: {offer}")
    if choice.transform and choice.model == "vmaf_v0.6.1":
        choice = replace(choice, model=PHONE, transform=False)
    return choice
