"""Arithmetic written once for two machines: NumPy arrays, and vectors in registers.

LLVM vectorises simple loops over one kind of number by itself, but leaves half of each register empty where kinds of two
widths meet, and will not keep a dozen steps in registers. Such a loop's body is written here as a function of ``Numbers``:
called with ``Array`` it works on whole rows, called with ``Vector`` it writes LLVM's instructions for ``WIDTH`` numbers.

Integers wrap around in 32 bits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numpy.typing import NDArray

from monitor.kernels.instructions import Number, Room, each, sum_of

WIDTH = 8
"""Numbers in a vector, of 32 or of 64 bits alike: what a pair of AVX2 registers holds of the latter."""

I32, I64, F32, F64 = ir.IntType(32), ir.IntType(64), ir.FloatType(), ir.DoubleType()


class Numbers(ABC):
    """Some numbers of one kind: int32, float32 or float64. Those that are combined are of the same kind."""

    @abstractmethod
    def all_of(self, number: float) -> Self:
        """One number, of these numbers' kind and as many times."""

    @abstractmethod
    def __add__(self, other: Self | float) -> Self: ...

    @abstractmethod
    def __sub__(self, other: Self | float) -> Self: ...

    @abstractmethod
    def __mul__(self, other: Self | float) -> Self: ...

    @abstractmethod
    def __truediv__(self, other: Self) -> Self: ...

    @abstractmethod
    def __and__(self, other: Self | int) -> Self: ...

    @abstractmethod
    def __or__(self, other: int) -> Self: ...

    @abstractmethod
    def __invert__(self) -> Self: ...

    @abstractmethod
    def __rshift__(self, bits: int) -> Self:
        """The sign is kept."""

    @abstractmethod
    def upper(self, bits: int) -> Self:
        """Shifted right as if unsigned."""

    @abstractmethod
    def at_least(self, other: int) -> Self:
        """All bits set where these integers are as large, none elsewhere."""

    @abstractmethod
    def larger(self, other: int) -> Self:
        """The larger of two integers."""

    @abstractmethod
    def smaller(self, other: Self | float) -> Self:
        """The smaller of two floats."""

    @abstractmethod
    def upper_product(self, other: Self) -> Self:
        """Product of unsigned integers, divided by 2**32 and rounded."""

    @abstractmethod
    def times_plus(self, factor: Self, summand: Self | float) -> Self:
        """Product and sum of float32, rounded once where the processor can."""

    @abstractmethod
    def as_float32(self) -> Self: ...

    @abstractmethod
    def as_float64(self) -> Self: ...

    @abstractmethod
    def as_int(self) -> Self:
        """Towards zero."""

    @abstractmethod
    def bits(self) -> Self:
        """The bits of float32 as integers."""

    @abstractmethod
    def from_bits(self) -> Self:
        """The float32 with these bits."""


@dataclass(frozen=True, slots=True)
class Array(Numbers):
    """Any amount of numbers."""

    values: NDArray[Any]

    def all_of(self, number: float) -> Self:
        return type(self)(np.full_like(self.values, number))

    def _of(self, other: Self | float) -> Any:
        return other.values if isinstance(other, Array) else self.values.dtype.type(other)

    def __add__(self, other: Self | float) -> Self:
        return type(self)(self.values + self._of(other))

    def __sub__(self, other: Self | float) -> Self:
        return type(self)(self.values - self._of(other))

    def __mul__(self, other: Self | float) -> Self:
        return type(self)(self.values * self._of(other))

    def __truediv__(self, other: Self) -> Self:
        return type(self)(self.values / other.values)

    def __and__(self, other: Self | int) -> Self:
        return type(self)(self.values & self._of(other))

    def __or__(self, other: int) -> Self:
        return type(self)(self.values | np.int32(other))

    def __invert__(self) -> Self:
        return type(self)(~self.values)

    def __rshift__(self, bits: int) -> Self:
        return type(self)(self.values >> np.int32(bits))

    def upper(self, bits: int) -> Self:
        return type(self)((self.values.view(np.uint32) >> np.uint32(bits)).view(np.int32))

    def at_least(self, other: int) -> Self:
        return type(self)(-(self.values >= other).astype(np.int32))

    def larger(self, other: int) -> Self:
        return type(self)(np.maximum(self.values, np.int32(other)))

    def smaller(self, other: Self | float) -> Self:
        return type(self)(np.minimum(self.values, self._of(other)))

    def upper_product(self, other: Self) -> Self:
        one, two = (numbers.values.view(np.uint32).astype(np.uint64) for numbers in (self, other))
        return type(self)(((one * two + np.uint64(1 << 31)) >> np.uint64(32)).astype(np.uint32).view(np.int32))

    def times_plus(self, factor: Self, summand: Self | float) -> Self:
        product = self.values.astype(np.float64) * factor.values
        return type(self)((product + self._of(summand)).astype(np.float32))

    def as_float32(self) -> Self:
        return type(self)(self.values.astype(np.float32))

    def as_float64(self) -> Self:
        return type(self)(self.values.astype(np.float64))

    def as_int(self) -> Self:
        return type(self)(self.values.astype(np.int32))

    def bits(self) -> Self:
        return type(self)(self.values.view(np.int32))

    def from_bits(self) -> Self:
        return type(self)(self.values.view(np.float32))


@dataclass(frozen=True, slots=True)
class Vector(Numbers):
    """Some numbers, or a single one, in registers of the function that ``builder`` writes."""

    builder: ir.IRBuilder
    value: ir.Value

    @property
    def _element(self) -> ir.Type:
        kind = self.value.type
        return kind.element if isinstance(kind, ir.VectorType) else kind

    @property
    def _count(self) -> int:
        count: int = self.value.type.count
        return count

    def _kind(self, element: ir.Type) -> ir.Type:
        return ir.VectorType(element, self._count) if isinstance(self.value.type, ir.VectorType) else element

    def _made(self, value: ir.Value) -> Self:
        return type(self)(self.builder, value)

    def all_of(self, number: float) -> Self:
        return self._made(self._of(number))

    def _of(self, other: Self | float) -> ir.Value:
        if isinstance(other, Vector):
            return other.value
        element = self._element
        number = int(other) if isinstance(element, ir.IntType) else float(other)
        constant = ir.Constant(element, number)
        return splat(self.builder, constant, self._count) if isinstance(self.value.type, ir.VectorType) else constant

    def _either(self, integers: str, floats: str, other: Self | float) -> Self:
        operation = integers if isinstance(self._element, ir.IntType) else floats
        return self._made(getattr(self.builder, operation)(self.value, self._of(other)))

    def __add__(self, other: Self | float) -> Self:
        return self._either("add", "fadd", other)

    def __sub__(self, other: Self | float) -> Self:
        return self._either("sub", "fsub", other)

    def __mul__(self, other: Self | float) -> Self:
        return self._either("mul", "fmul", other)

    def __truediv__(self, other: Self) -> Self:
        return self._made(self.builder.fdiv(self.value, other.value))

    def __and__(self, other: Self | int) -> Self:
        return self._made(self.builder.and_(self.value, self._of(other)))

    def __or__(self, other: int) -> Self:
        return self._made(self.builder.or_(self.value, self._of(other)))

    def __invert__(self) -> Self:
        return self._made(self.builder.not_(self.value))

    def __rshift__(self, bits: int) -> Self:
        return self._made(self.builder.ashr(self.value, self._of(bits)))

    def upper(self, bits: int) -> Self:
        return self._made(self.builder.lshr(self.value, self._of(bits)))

    def at_least(self, other: int) -> Self:
        met = self.builder.icmp_signed(">=", self.value, self._of(other))
        return self._made(self.builder.sext(met, self.value.type))

    def larger(self, other: int) -> Self:
        bound = self._of(other)
        return self._made(self.builder.select(self.builder.icmp_signed(">", self.value, bound), self.value, bound))

    def smaller(self, other: Self | float) -> Self:
        bound = self._of(other)
        return self._made(self.builder.select(self.builder.fcmp_ordered("<", self.value, bound), self.value, bound))

    def upper_product(self, other: Self) -> Self:
        # Numbers at even places and those at odd ones apart: what x86-64 multiplies to 64 bits without moving anything.
        build, wide = self.builder, ir.VectorType(I64, self._count // 2)

        def constant(number: int) -> ir.Value:
            return splat(build, ir.Constant(I64, number), self._count // 2)

        one, two = (build.bitcast(numbers.value, wide) for numbers in (self, other))
        low, half, bits = constant(0xFFFF_FFFF), constant(1 << 31), constant(32)
        even = build.add(build.mul(build.and_(one, low), build.and_(two, low)), half)
        odd = build.add(build.mul(build.lshr(one, bits), build.lshr(two, bits)), half)
        both = [build.bitcast(part, self.value.type) for part in (build.lshr(even, bits), odd)]
        order = [place + (self._count if place % 2 else 0) for place in range(self._count)]
        return self._made(build.shuffle_vector(*both, ir.Constant(self._kind(I32), order)))

    def times_plus(self, factor: Self, summand: Self | float) -> Self:
        if not llvm.get_host_cpu_features().get("fma", llvm.get_process_triple().startswith("aarch64")):
            return self * factor + summand
        kind = ir.FunctionType(self.value.type, [self.value.type] * 3)
        fused = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
            self.builder.module, kind, f"llvm.fma.v{self._count}f32"
        )
        return self._made(self.builder.call(fused, [self.value, factor.value, self._of(summand)]))

    def as_float32(self) -> Self:
        return self._made(self.builder.sitofp(self.value, self._kind(F32)))

    def as_float64(self) -> Self:
        return self._made(self.builder.sitofp(self.value, self._kind(F64)))

    def as_int(self) -> Self:
        return self._made(self.builder.fptosi(self.value, self._kind(I32)))

    def bits(self) -> Self:
        return self._made(self.builder.bitcast(self.value, self._kind(I32)))

    def from_bits(self) -> Self:
        return self._made(self.builder.bitcast(self.value, self._kind(F32)))


def splat(builder: ir.IRBuilder, number: ir.Value, count: int) -> ir.Value:
    """A vector of ``count`` times one number."""
    kind = ir.VectorType(number.type, count)
    if isinstance(number, ir.Constant):
        return ir.Constant(kind, [number.constant] * count)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), number, ir.Constant(I32, 0))
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), ir.Constant(ir.VectorType(I32, count), [0] * count))


def add_rows(
    builder: ir.IRBuilder,
    count: Number,
    body: Callable[[list[Vector]], tuple[Sequence[Vector], Sequence[Vector]]],
    sources: Sequence[Room],
    outs: Sequence[Room],
    totals: Sequence[ir.Value],
) -> None:
    """Write a loop over rows of int32, by vectors of such.

    Args:
        builder: Where to write it.
        count: Numbers in a row, a multiple of ``WIDTH``.
        body: Takes a vector of each source and gives one for each of ``outs``, and one to add up for each of ``totals``.
        sources: Rows that are read.
        outs: Rows that are written.
        totals: Where the int64 are that sums are added to. Each of a sum's ``WIDTH`` parts has to fit int32.
    """
    zeros = ir.Constant(ir.VectorType(I32, WIDTH), [0] * WIDTH)
    sums = [cgutils.alloca_once_value(builder, zeros) for _ in totals]  # type: ignore[no-untyped-call]
    with each(builder, count, WIDTH) as at:
        made, added = body([Vector(builder, source.load_vector(at, WIDTH)) for source in sources])
        for out, vector in zip(outs, made, strict=True):
            out.store_vector(at, vector.value)
        for part, vector in zip(sums, added, strict=True):
            builder.store(builder.add(builder.load(part), vector.value), part)
    wide = ir.VectorType(I64, WIDTH)
    for into, part in zip(totals, sums, strict=True):
        of_row = sum_of(builder, builder.sext(builder.load(part), wide))
        builder.store(builder.add(builder.load(into), of_row), into)
