"""Support vector regression with a Gaussian kernel, from libsvm's text format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monitor.errors import ConfigError


@dataclass(frozen=True, slots=True, eq=False)
class SupportVectors:
    """``y(x) = sum of coefficient * exp(-gamma * |x - vector|^2) - rho``."""

    coefficients: NDArray[np.float64]
    """(vectors,)"""
    vectors: NDArray[np.float64]
    """(vectors, features)"""
    gamma: float
    rho: float

    @classmethod
    def parse(cls, text: str, features: int) -> Self:
        """Read libsvm's model format; an index that a vector leaves out is 0.

        Raises:
            ConfigError: not a nu-SVR or epsilon-SVR model with an RBF kernel, or damaged.
        """
        head, separator, body = text.partition("\nSV\n")
        header = dict(line.split(maxsplit=1) for line in head.splitlines() if " " in line.strip())
        kind, kernel = header.get("svm_type"), header.get("kernel_type")
        if not separator or kind not in ("nu_svr", "epsilon_svr") or kernel != "rbf":
            raise ConfigError(f"a libsvm regression model with an RBF kernel is needed, not {kind} with {kernel}")
        lines = [line.split() for line in body.splitlines() if line.strip()]
        vectors = np.zeros((len(lines), features))
        try:
            coefficients = np.array([float(line[0]) for line in lines])
            for row, line in enumerate(lines):
                for entry in line[1:]:
                    index, _, value = entry.partition(":")
                    vectors[row, _place(int(index), features)] = float(value)
            gamma, rho, expected = float(header["gamma"]), float(header["rho"]), int(header["total_sv"])
        except (KeyError, ValueError, IndexError) as error:
            raise ConfigError(f"damaged libsvm model: {error}") from error
        if expected != len(lines):
            raise ConfigError(f"damaged libsvm model: {len(lines)} support vectors instead of {expected}")
        return cls(coefficients, vectors, gamma, rho)

    def predict(self, x: ArrayLike) -> float:
        """The value at ``x``, (features,)."""
        distances = ((self.vectors - np.asarray(x, np.float64)) ** 2).sum(axis=1)
        return float(self.coefficients @ np.exp(-self.gamma * distances) - self.rho)


def _place(index: int, features: int) -> int:
    """Column of libsvm's index, which counts from 1."""
    if not 1 <= index <= features:
        raise IndexError(f"feature index {index} is not in 1..{features}")
    return index - 1
