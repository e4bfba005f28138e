"""How kernels are compiled: one decorator, one set of flags, for all of them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from numba import njit
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.typed_passes import InlineOverloads, NopythonRewrites
from numba.core.untyped_passes import InlineClosureLikes

P = ParamSpec("P")
R = TypeVar("R")

SUMS_MAY_REORDER = frozenset({"reassoc", "contract", "arcp", "nsz"})
"""Fast-math flags of kernels that add up floats. Never ``nnan`` or ``ninf``: with those a NaN test may be dropped."""

UNUSED = frozenset({InlineClosureLikes, InlineOverloads, NopythonRewrites})
"""Passes that change nothing in a kernel, which has no closures, calls nothing that Numba inlines as Python, and has no
arithmetic of whole arrays."""

logger = logging.getLogger(__name__)


class KernelCompiler(CompilerBase):
    """Numba's nopython pipeline with one promise added: no two array arguments of a kernel overlap.

    LLVM then vectorises loops that read one plane and write another without checking addresses at run time. Kernels keep
    the promise: outputs are arrays of their own, and inputs are only read.
    """

    def define_pipelines(self) -> list[object]:
        """Numba's hook: the passes to run, asked for once a compilation."""
        self.state.flags.noalias = True
        steps = DefaultPassBuilder.define_nopython_pipeline(self.state)  # type: ignore[no-untyped-call]
        steps.passes = [step for step in steps.passes if step[0] not in UNUSED]
        return [steps]


@cache
def source_stamp(folder: Path) -> bytes:
    """What changes with any source file of a folder."""
    files = sorted(folder.glob("*.py"))
    return hashlib.sha256(
        b"".join(path.name.encode() + hashlib.sha256(path.read_bytes()).digest() for path in files)
    ).digest()


class _KernelCacheFiles(CompileResultCacheImpl):
    """Numba's files, whose stamp is of all kernels' sources.

    Machine code holds what other modules wrote into it: taps, LLVM's instructions, kernels that were inlined. Numba only
    looks at the module that a kernel stands in, and would go on with the old ones after an upgrade.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        folders = {Path(__file__).parent, Path(function.__code__.co_filename).parent}
        self._locator.get_source_stamp = lambda: b"".join(source_stamp(folder) for folder in sorted(folders))


class _KernelCache(FunctionCache):
    _impl_class = _KernelCacheFiles


def is_kept() -> bool:
    """Whether machine code is kept on disk, where other processes find it."""
    try:
        _KernelCacheFiles(is_kept)
    except RuntimeError:  # Numba's way to say that no cache folder can be written
        return False
    return True


def kernel(
    *, reorder: bool = False, inner: bool = False, allocates: bool = False
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile a function over contiguous planes with Numba; it releases the GIL.

    Machine code is kept on disk beside the module, in ``NUMBA_CACHE_DIR`` or in the user's cache folder, whichever can be
    written; where none can (a read-only container without a home) each process compiles for itself.
    With ``NUMBA_DISABLE_JIT=1`` the function stays plain Python.

    Args:
        reorder: Let float sums be taken in another order, so that they vectorise. The result changes in its last bits; a
            kernel that asks for it has a test with a tolerance.
        inner: Only other kernels call it: the way in from Python, a sixth of what compiling takes, is left out.
        allocates: It makes arrays, or views of another shape. Else Numba's counting of references is left out, a twentieth
            of what compiling takes.
    """
    options: dict[str, Any] = {
        "nogil": True,
        "boundscheck": False,
        "error_model": "numpy",
        "fastmath": set(SUMS_MAY_REORDER) if reorder else False,
        "no_cfunc_wrapper": True,  # a way in for C, which nobody takes
        "no_cpython_wrapper": inner,
        "_nrt": allocates,
        "pipeline_class": KernelCompiler,
    }

    def compile_kernel(function: Callable[P, R]) -> Callable[P, R]:
        dispatcher = njit(**options)(function)
        if dispatcher is not function:  # which it is with NUMBA_DISABLE_JIT=1
            try:
                dispatcher._cache = _KernelCache(function)  # type: ignore[no-untyped-call]
            except RuntimeError as error:  # see is_kept
                logger.info("kernels are compiled anew in each process: %s", error)
        compiled: Callable[P, R] = dispatcher
        return compiled

    return compile_kernel
