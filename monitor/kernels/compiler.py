"""How kernels are compiled: one decorator, one set of flags, for all of them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numpy as np
from numba import njit
from numba.core.compiler import CompilerBase, DefaultPassBuilder

P = ParamSpec("P")
R = TypeVar("R")

SUMS_MAY_REORDER = frozenset({"reassoc", "contract", "arcp", "nsz"})
"""Fast-math flags of kernels that add up floats. Never ``nnan`` or ``ninf``: with those a NaN test may be dropped."""

BELOW_32 = np.uint32(31)
"""``shift & BELOW_32`` is what it was, and tells LLVM so: it then shifts uint32 as such, not in lanes of 64 bits."""

logger = logging.getLogger(__name__)


class KernelCompiler(CompilerBase):
    """Numba's nopython pipeline with one promise added: no two array arguments of a kernel overlap.

    LLVM then vectorises loops that read one plane and write another without checking addresses at run time. Kernels keep
    the promise: outputs are arrays of their own, and inputs are only read.
    """

    def define_pipelines(self) -> list[object]:
        """Numba's hook: the passes to run, asked for once a compilation."""
        self.state.flags.noalias = True
        self.state.flags.no_cfunc_wrapper = True  # a way in for C, which nobody takes
        return [DefaultPassBuilder.define_nopython_pipeline(self.state)]  # type: ignore[no-untyped-call]


class InnerKernelCompiler(KernelCompiler):
    """The same for kernels that only kernels call: without a way in from Python."""

    def define_pipelines(self) -> list[object]:
        """See ``KernelCompiler``."""
        self.state.flags.no_cpython_wrapper = True
        return super().define_pipelines()


def kernel(*, reorder: bool = False, inner: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile a function over contiguous planes with Numba; it releases the GIL.

    Machine code is kept on disk beside the module, in ``NUMBA_CACHE_DIR`` or in the user's cache folder, whichever can be
    written; where none can (a read-only container without a home) each process compiles for itself.
    With ``NUMBA_DISABLE_JIT=1`` the function stays plain Python.

    Args:
        reorder: Let float sums be taken in another order, so that they vectorise. The result changes in its last bits; a
            kernel that asks for it has a test with a tolerance.
        inner: Only other kernels call it: the way in from Python, a sixth of what compiling takes, is left out.
    """
    fastmath = set(SUMS_MAY_REORDER) if reorder else False

    def compile_kernel(function: Callable[P, R]) -> Callable[P, R]:
        def compiled(*, cache: bool) -> Callable[P, R]:
            dispatcher: Callable[P, R] = njit(
                cache=cache,
                nogil=True,
                boundscheck=False,
                error_model="numpy",
                fastmath=fastmath,
                pipeline_class=InnerKernelCompiler if inner else KernelCompiler,
            )(function)
            return dispatcher

        try:
            return compiled(cache=True)
        except RuntimeError as error:  # Numba's way to say that no cache folder can be written
            logger.info("kernels are compiled anew in each process: %s", error)
            return compiled(cache=False)

    return compile_kernel
