"""Where model files are: in the PyPI package that carries Netflix' own, in the user's data, or where the user says."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from types import MappingProxyType

import platformdirs

from monitor.errors import ConfigError, UnknownName
from monitor.models.vmaf import Model, load, parse

DISTRIBUTION = "ffmpeg-quality-metrics"
"""The installed distribution with the model files (BSD-2-Clause-Patent data); it is looked into, never imported."""


@dataclass(frozen=True, slots=True)
class Known:
    """A model by name: a file and how to read it."""

    file: str
    sha256: str
    purpose: str
    folder: str = ""
    """Of the file in Netflix' repository, below ``model/``."""
    transform: bool = False
    """Apply the curve that the file stores and does not enable."""
    no_enhancement: bool = False
    """Limit enhancement gain to 1, which is all that makes a NEG model of a model."""

    @property
    def path(self) -> str:
        """Of the file in Netflix' repository."""
        return "/".join(part for part in ("model", self.folder, self.file) if part)


PHONE = "vmaf_v0.6.1_phone"
"""The plain model with its stored curve; libvmaf has no name of its own for it."""

_V0 = Known("vmaf_v0.6.1.json", "5950d61fa1f861bd45d8149d80539ed9f3376cfc2495b8f0fa8e9f57cb131ee3", "1080p from 3 heights")
_NEG = Known(
    "vmaf_v0.6.1neg.json",
    "1fcda193aaa2a3136471b7516b3c5dc344546c05fcde2d58609f8c60a2387392",
    "1080p from 3 heights, without enhancement",
)
_V0_4K = Known(
    "vmaf_4k_v0.6.1.json", "73b187001309703c89d57cf58baab01660bd11e4ea6fac62bc064c5f5da6dac8", "2160p from 1.5 heights"
)
_BOOTSTRAP = Known(
    "vmaf_b_v0.6.3.json",
    "34f620dbaff662fe7d33dd80326553c2cc3910e4135349ba4c367171d3a3cfbd",
    "1080p from 3 heights, with a 95 % interval",
)
_V1 = {
    "3d0h": ("e4cf8c147e1368b35497d772920bc92f98c1ad7853c1033d8a836947f427140e", "1080p from 3 heights"),
    "5d0h": ("64e12d9c1e4ed5d79da7fa515b82fac7247a9e2ccc91e0ebce31d05489500385", "a phone, 5 heights"),
    "1d5h_2160": ("634d36e0502cb797384726cdd1a106a2c207827595a9e4958d3dae1bd517b139", "2160p from 1.5 heights"),
    "3d0h_2160": ("77f552fd8d5b6c6a2166bfc4470c9368ec68d2425ed40f1cc235b0cc500f33c2", "2160p from 3 heights"),
    "hfr_3d0h": ("dcfdfab1c00685c1e5f75b6f1078bb4a44c722654e4de090fa5c66784c75241b", "1080p from 3 heights, 50 or 60 Hz"),
    "hfr_5d0h": ("590f612c87df94badca58e563b318fa9958eac631ab8aadd73bff8cc1adfc515", "a phone, 5 heights, 50 or 60 Hz"),
    "hfr_1d5h_2160": (
        "0371db55d3de81a760125f6d65eb4386f1d38af6cf1d00c2f48158e3596246d4",
        "2160p from 1.5 heights, 50 or 60 Hz",
    ),
    "hfr_3d0h_2160": (
        "1bc502f00aeee11433e2d09468186bbf1bbce56ee650c9bade06c7435ebdd4db",
        "2160p from 3 heights, 50 or 60 Hz",
    ),
}


def _v1(view: str) -> Known:
    digest, purpose = _V1[view]
    return Known(f"vmaf_v1.0.16_{view}.json", digest, purpose, f"vmaf_v1.0.16{'_hfr' if view.startswith('hfr') else ''}")


KNOWN: Mapping[str, Known] = MappingProxyType({
    "vmaf_v0.6.1": _V0,
    "vmaf_v0.6.1neg": _NEG,
    PHONE: replace(_V0, purpose="a phone", transform=True),
    "vmaf_4k_v0.6.1": _V0_4K,
    "vmaf_4k_v0.6.1neg": replace(
        _V0_4K, purpose="2160p from 1.5 heights, without enhancement", no_enhancement=True
    ),
    "vmaf_b_v0.6.3": _BOOTSTRAP,
    **{f"vmaf_v1.0.16_{view}": _v1(view) for view in _V1},
})  # fmt: skip
"""libvmaf's names. Of the 4K model the package has no NEG file; that one differs in nothing but the gain limits. Digests are
of the package's files; that of the bootstrap collection, which it lacks, is of the text inside FFmpeg's binary, where all
the others are byte for byte."""


def fetched_folder() -> Path:
    """Where fetched model files are kept: ``vqmon/models`` in the user's data folder."""
    return platformdirs.user_data_path("vqmon", appauthor=False) / "models"


def locate(name: str) -> Path | None:
    """The file of a known model: of the installed package, or fetched; ``None`` where it is missing.

    Raises:
        UnknownName: no such model.
    """
    if name not in KNOWN:
        raise UnknownName("VMAF model", name, KNOWN, "Any other one goes by path=FILE.")
    try:
        installed = files(DISTRIBUTION) or []
    except PackageNotFoundError:
        installed = []
    for file in installed:
        if file.name == KNOWN[name].file:
            return Path(str(file.locate()))
    fetched = fetched_folder() / KNOWN[name].file
    return fetched if fetched.is_file() else None


def find(name: str) -> Path:
    """The file of a known model.

    Raises:
        UnknownName: no such model.
        ConfigError: it is neither installed nor fetched.
    """
    path = locate(name)
    if path is None:
        raise ConfigError(
            f"the file of VMAF model {name!r}, {KNOWN[name].file}, is neither in the installed package {DISTRIBUTION} nor "
            f"in {fetched_folder()}; run `vqmon models fetch {name}`, or give path=FILE"
        )
    return path


def read_verified(name: str, path: Path) -> bytes:
    """The bytes of a known model's file.

    Raises:
        ConfigError: it can't be read, or is not the one that it is named for.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"VMAF model {path} can't be read: {error}") from error
    known = KNOWN[name]
    if (digest := hashlib.sha256(data).hexdigest()) != known.sha256:
        raise ConfigError(
            f"{path} is not the published {known.file}: its SHA-256 is {digest}, not {known.sha256}; "
            f"reinstall {DISTRIBUTION}, fetch it anew, or give path=FILE to use it all the same"
        )
    return data


def open_model(choice: str, *, transform: bool = False) -> Model:
    """The model meant by a name, or by ``path=FILE`` as in libvmaf's option ``model``.

    A known file must be what its name says, byte for byte; one by path is taken as it is and called by its file name.

    Args:
        choice: Name or path.
        transform: Apply the stored curve even where nothing asks for it; ``_transformed`` is then added to the model's name.

    Raises:
        UnknownName: no such model.
        ConfigError: the file can't be found or read, is no model, or is not the one that it is named for.
    """
    key, separator, value = choice.partition("=")
    suffix = "_transformed" if transform else ""
    if separator and key == "path":
        return load(Path(value), f"{Path(value).stem}{suffix}", transform=transform)
    name = value if separator and key == "version" else choice
    data, known = read_verified(name, find(name)), KNOWN[name]
    return parse(data.decode(), name + suffix, transform=transform or known.transform, no_enhancement=known.no_enhancement)
