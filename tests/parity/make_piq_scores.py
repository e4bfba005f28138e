"""Make ``piq_scores.json``: what piq and pyiqa give for the pictures of ``tests.parity.pictures``.

Neither is a dependency of vqmon, as both want PyTorch. On Debian 12, from the root of the repository::

    apt-get install --no-install-recommends python3-torch python3-torchvision
    pip download --no-deps --dest wheels piq==0.8.0 pyiqa==0.1.16
    for wheel in wheels/*.whl; do unzip -q "$wheel" -d oracles; done
    PYTHONPATH=.:oracles /usr/bin/python3 -m tests.parity.make_piq_scores

Both are run in double precision, so that the numbers are those of the definitions; what single precision does to theirs is
written beside them, the largest difference of each metric. Of pyiqa the one module with NLPD is imported: the package
imports models that it does not need. With ``--speed`` it writes nothing and prints what a 1080p pair costs in single
precision on one thread, in milliseconds of processor time.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import resource
import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import piq
import torch

from tests.parity.pictures import CASES, Case, planes_of

SCORES = Path(__file__).with_name("piq_scores.json")
ROUNDS = 5


def nlpd_of_pyiqa() -> Callable[[Any], Any]:
    """The class, without running the ``__init__`` of any package around it."""
    found = importlib.metadata.distribution("pyiqa").locate_file("pyiqa")
    for name in ("pyiqa", "pyiqa.archs", "pyiqa.utils", "pyiqa.matlab_utils"):
        package = types.ModuleType(name)
        package.__path__ = [str(Path(str(found)).joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
    padding = importlib.import_module("pyiqa.matlab_utils.padding")
    sys.modules["pyiqa.matlab_utils"].ExactPadding2d = padding.ExactPadding2d  # type: ignore[attr-defined]
    conversion = types.ModuleType("pyiqa.archs.ssim_arch")
    conversion.to_y_channel = lambda luma: luma  # type: ignore[attr-defined]  # luma is what goes in
    sys.modules[conversion.__name__] = conversion
    nlpd: Callable[[Any], Any] = importlib.import_module("pyiqa.archs.nlpd_arch").NLPD
    return nlpd


def metrics(kind: Any) -> Mapping[str, Callable[[Any, Any], Any]]:
    """Each takes distorted and reference in 8-bit code values."""
    nlpd = nlpd_of_pyiqa()().to(kind)
    return {
        "fsim": lambda d, r: piq.fsim(d, r, data_range=255.0, chromatic=False),
        "vifp": lambda d, r: piq.vif_p(d, r, data_range=255.0),
        "gmsd": lambda d, r: piq.gmsd(d, r, data_range=255.0),
        "nlpd": lambda d, r: nlpd.nlpd(d / 255, r / 255),
    }


def tensors(case: Case, kind: Any) -> list[Any]:
    step = 1 << (case.depth - 8)
    return [torch.tensor(plane.astype("float64") / step, dtype=kind)[None, None] for plane in planes_of(case)]


def write() -> None:
    double, single = metrics(torch.float64), metrics(torch.float32)
    scores: dict[str, dict[str, object]] = {}
    apart = dict.fromkeys(double, 0.0)
    for case in CASES:
        exact = {name: float(metric(*tensors(case, torch.float64))) for name, metric in double.items()}
        for name, metric in single.items():
            apart[name] = max(apart[name], abs(float(metric(*tensors(case, torch.float32))) - exact[name]))
        scores[case.name] = {"sha256": case.digest(), **exact}
    versions = {name: importlib.metadata.version(name) for name in ("piq", "pyiqa", "torch", "numpy")}
    made = {"versions": versions, "single_precision_differs_by": apart, "scores": scores}
    SCORES.write_text(json.dumps(made, indent=2) + "\n")


def speed() -> None:
    torch.set_num_threads(1)
    pair = tensors(Case(1080, 1920, "blur 3"), torch.float32)
    for name, metric in metrics(torch.float32).items():
        metric(*pair)
        before = resource.getrusage(resource.RUSAGE_SELF)
        for _ in range(ROUNDS):
            metric(*pair)
        after = resource.getrusage(resource.RUSAGE_SELF)
        taken = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        sys.stdout.write(f"{name} {1000 * taken / ROUNDS:.1f} ms\n")


if __name__ == "__main__":
    with torch.no_grad():
        speed() if sys.argv[1:] == ["--speed"] else write()
