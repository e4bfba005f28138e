"""Loops over rows of a room, written once for two machines: NumPy, and vectors in registers.

A room is a matrix of int32 with as many rows as some work needs; a place in it is an index into the flat room. A loop's body
takes NumPy arrays, which are whole rows, or ``Lanes``, for which it writes LLVM's instructions. LLVM then has no loop to
vectorise and Numba no type to infer: such loops compile in a tenth of the time.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, TypeVar

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from monitor.kernels.instructions import I8, I16, Number, Room, each, sum_of, written_by
from monitor.kernels.vectors import F32, F64, I32, I64, WIDTH, Vector, splat

ROW, PARTS = ir.VectorType(I32, WIDTH), ir.VectorType(I64, WIDTH // 2)


class Lanes(Vector):
    """Numbers, or truths, in registers: what ``Vector`` can do, and what NumPy's arrays can do besides."""

    __slots__ = ()

    def _compared(self, how: str, other: Any) -> Lanes:
        floats = not isinstance(self._element, ir.IntType)
        compare = self.builder.fcmp_ordered if floats else self.builder.icmp_signed
        return self._made(compare(how, self.value, self._of(other)))

    def __ge__(self, other: Any) -> Lanes:
        return self._compared(">=", other)

    def __gt__(self, other: Any) -> Lanes:
        return self._compared(">", other)

    def __lt__(self, other: Any) -> Lanes:
        return self._compared("<", other)

    def __xor__(self, other: Any) -> Lanes:
        return self._made(self.builder.xor(self.value, self._of(other)))

    def __lshift__(self, bits: Any) -> Lanes:
        return self._made(self.builder.shl(self.value, self._of(bits)))

    def __rsub__(self, other: float) -> Lanes:
        return self.all_of(other) - self

    def __rtruediv__(self, other: float) -> Lanes:
        return self.all_of(other) / self

    def __neg__(self) -> Lanes:
        return self._made(self.builder.fneg(self.value))

    def __abs__(self) -> Lanes:
        if not isinstance(self._element, ir.IntType):
            return self.by_intrinsic("fabs")
        return self._made(self.builder.select((self < 0).value, self.builder.neg(self.value), self.value))

    def by_intrinsic(self, name: str) -> Lanes:
        """What one of LLVM's functions makes of floats."""
        kind = self.value.type
        named = f"v{kind.count}{kind.element.intrinsic_name}" if isinstance(kind, ir.VectorType) else kind.intrinsic_name
        function = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
            self.builder.module, ir.FunctionType(kind, [kind]), f"llvm.{name}.{named}"
        )
        return self._made(self.builder.call(function, [self.value]))

    def converted(self, how: str, element: ir.Type) -> Lanes:
        """By one of the builder's conversions, to another kind of number."""
        return self._made(getattr(self.builder, how)(self.value, self._kind(element)))


N = TypeVar("N")
"""Lanes or an array."""


def _convert(how: str, element: ir.Type, kind: type[Any]) -> Callable[[N], N]:
    def convert(numbers: N) -> N:
        return numbers.converted(how, element) if isinstance(numbers, Lanes) else np.asarray(numbers).astype(kind)  # type: ignore[return-value]

    return convert


int64_of = _convert("sext", I64, np.int64)
float64_of = _convert("sitofp", F64, np.float64)
float32_of = _convert("sitofp", F32, np.float32)
single = _convert("fptrunc", F32, np.float32)
double = _convert("fpext", F64, np.float64)
truncated = _convert("fptosi", I32, np.int32)
"""Towards zero; the numbers have to fit int32."""
cut = _convert("trunc", I32, np.int32)
"""The lower 32 bits."""
byte_of = _convert("zext", I8, np.uint8)
"""1 of a truth."""
word_of = _convert("zext", I16, np.int16)
"""Of bytes as if unsigned."""


def root(numbers: Any) -> Any:
    """Square roots of floats."""
    return numbers.by_intrinsic("sqrt") if isinstance(numbers, Lanes) else np.sqrt(numbers)


def equal(one: Any, other: Any) -> Any:
    """Where numbers are."""
    return one._compared("==", other) if isinstance(one, Lanes) else one == other


def size_of(numbers: Any) -> Any:
    """int64 of numbers of 32 bits that are not negative, or that stand for what is 2**32 more."""
    return numbers.converted("zext", I64) if isinstance(numbers, Lanes) else numbers.view(np.uint32).astype(np.int64)


def sizes_of(numbers: Any) -> list[Any]:
    """``size_of`` in parts, in any order: numbers at even places and those at odd ones, which takes no moving of numbers."""
    if not isinstance(numbers, Lanes):
        return [size_of(numbers)]
    both = Lanes(numbers.builder, numbers.builder.bitcast(numbers.value, PARTS))
    return [both & 0xFFFF_FFFF, both.upper(32)]


def joined(parts: Sequence[Any]) -> Any:
    """The lower 32 bits of what ``sizes_of`` parted."""
    if not isinstance(parts[0], Lanes):
        return cut(parts[0])
    even, odd = parts
    both = (even & 0xFFFF_FFFF) | (odd << 32)
    return Lanes(both.builder, both.builder.bitcast(both.value, ROW))


def where(truth: Any, one: Any, other: Any) -> Any:
    """Numbers of one kind, or where one or the other is a Python number, of that of the other."""
    if not isinstance(truth, Lanes):
        return np.where(truth, one, other)
    like = one if isinstance(one, Lanes) else other
    one, other = (part.value if isinstance(part, Lanes) else like.all_of(part).value for part in (one, other))
    return Lanes(truth.builder, truth.builder.select(truth.value, one, other))


def smaller(one: Any, other: Any) -> Any:
    """The smaller of two numbers each."""
    return where(one < other, one, other)


def larger(one: Any, other: Any) -> Any:
    """The larger of two numbers each."""
    return where(one > other, one, other)


def nearer(one: Any, other: Any) -> Any:
    """The nearer to 0 of int32 as if unsigned: negative ones are far away."""
    if not isinstance(one, Lanes):
        return np.minimum(one.view(np.uint32), np.asarray(other).astype(np.uint32)).view(np.int32)
    build, limit = one.builder, other if isinstance(other, Lanes) else one.all_of(other)
    return Lanes(build, build.select(build.icmp_unsigned("<", one.value, limit.value), one.value, limit.value))


def shifted(numbers: Any, bits: Any) -> Any:
    """Shifted right numbers that are not negative, or of which only what comes from lower bits is used."""
    if isinstance(numbers, Lanes):
        bits = bits.value if isinstance(bits, Lanes) else numbers.all_of(bits).value
        return Lanes(numbers.builder, numbers.builder.lshr(numbers.value, bits))
    return numbers >> bits


def upper_product(numbers: Any, factor: int) -> Any:
    """Numbers of 32 bits that are not negative times one, divided by 2**32 and rounded."""
    if isinstance(numbers, Lanes):
        return numbers.upper_product(numbers.all_of(factor))
    return cut(shifted(size_of(numbers) * np.int64(factor) + (1 << 31), 32))


def bits_of(numbers: Any) -> Any:
    """The bits of float32 as int32."""
    return numbers.bits() if isinstance(numbers, Lanes) else numbers.view(np.int32)


def from_bits(numbers: Any) -> Any:
    """The float32 with these bits."""
    return numbers.from_bits() if isinstance(numbers, Lanes) else numbers.view(np.float32)


def half(bits: Any) -> Any:
    """Half of ``1 << bits``, or 0 where that is 1: what is added before a shift to round."""
    one = bits.all_of(1) if isinstance(bits, Lanes) else bits.dtype.type(1)
    return (one << bits) >> 1


class Block(NamedTuple):
    """What a loop reads or writes from one row on."""

    rows: int = 1
    columns: int = 1
    """How many neighbours are read of each row, from left to right, each number's own place being the middle."""


Body = Callable[..., Any]
"""Takes numbers of each row and column of each block, and then what is the same for all of them. Gives numbers for each row
that is written; where something is added up, takes first a function that sets int32 to 0 beyond the end, and gives a pair of
such numbers and of int64 to add up, as parts of the kind of ``sizes_of``."""

Loop = Callable[..., Any]
"""Takes the room, the first column, how many numbers, where something is added up how many of these come before the first
that is added, the first row of each block that is read and of each that is written, and numbers that are the same for all.
Gives the sum. Compiled kernels read and write up to ``WIDTH`` - 1 numbers more, but don't add them, and read fastest from
columns that are multiples of ``WIDTH``."""

KINDS: dict[Any, Any] = {I32: np.int32, I64: np.int64, F64: np.float64}


def loop(
    body: Body, reads: Sequence[Block], writes: Sequence[Block] = (), numbers: Sequence[Any] = (), *, sums: bool = False
) -> Loop:
    """A loop of ``body`` over rows of a room.

    Args:
        body: What is done with each number.
        reads: Blocks of rows that are read.
        writes: Blocks of rows that are written.
        numbers: Of what kind the numbers are that are the same for all: ``I32``, ``F64`` or, to be combined
            with ``sizes_of``, ``I64``.
        sums: Whether something is added up.
    """
    blocks = [*reads, *writes]
    arguments = [
        "room",
        "column",
        "count",
        *["skipped"] * sums,
        *(f"row_{k}" for k in range(len(blocks))),
        *map("n_{}".format, range(len(numbers))),
    ]

    def plain(*given: Any) -> int:
        (room, column, count), skipped = given[:3], given[3] if sums else 0
        rows, same = given[3 + sums : 3 + sums + len(blocks)], given[3 + sums + len(blocks) :]
        taken = [
            room[first + row, column + beside :][:count]
            for block, first in zip(reads, rows, strict=False)
            for row in range(block.rows)
            for beside in _beside(block)
        ]
        taken += [KINDS[kind](number) for kind, number in zip(numbers, same, strict=True)]
        made, added = body(lambda of: np.where(np.arange(count) < skipped, 0, of), *taken) if sums else (body(*taken), [])
        left = iter(made)
        for block, first in zip(writes, rows[len(reads) :], strict=True):
            for row in range(block.rows):
                room[first + row, column:][:count] = next(left)
        return sum(int(part.sum(dtype=np.int64)) for part in added)

    def emit(builder: ir.IRBuilder, room: Room, column: Number, count: Number, *given: Any) -> ir.Value:
        skipped = given[0] if sums else Number(builder, ir.Constant(I64, 0))
        firsts, numbers_given = given[int(sums) :][: len(blocks)], given[int(sums) + len(blocks) :]
        rows = [
            [(first + row) * room.sizes[1] + column for row in range(block.rows)]
            for block, first in zip(blocks, firsts, strict=True)
        ]
        same = [_everywhere(builder, kind, number) for kind, number in zip(numbers, numbers_given, strict=True)]
        # What comes before the first that is added is, without a sign, beyond the last.
        order = builder.sub(ir.Constant(ROW, list(range(WIDTH))), _splat(skipped))
        total = cgutils.alloca_once_value(builder, ir.Constant(PARTS, [0] * PARTS.count))  # type: ignore[no-untyped-call]
        with each(builder, count, WIDTH) as at:
            taken = [
                Lanes(builder, room.load_vector(place + at + beside, WIDTH))
                for block, places in zip(reads, rows, strict=False)
                for place in places
                for beside in _beside(block)
            ]
            inside = Lanes(builder, builder.icmp_unsigned("<", builder.add(order, _splat(at)), _splat(count - skipped)))
            made, added = body(partial(where, inside, other=0), *taken, *same) if sums else (body(*taken, *same), [])
            for place, out in zip(chain(*rows[len(reads) :]), made, strict=True):
                room.store_vector(place + at, out.value)
            for part in added:
                builder.store(builder.add(builder.load(total), part.value), total)
        return sum_of(builder, builder.load(total))

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    plain.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in arguments])  # type: ignore[attr-defined]
    return written_by(emit, types.int64)(plain)


def _beside(block: Block) -> range:
    """Where the neighbours are that are read of a row."""
    return range(-(block.columns // 2), block.columns - block.columns // 2)


def _splat(number: Number) -> ir.Value:
    return splat(number.builder, number.as_int(I32), WIDTH)


def _everywhere(builder: ir.IRBuilder, kind: Any, number: Any) -> Lanes:
    """A number for all, in as many places as such numbers have."""
    if kind == F64:
        return Lanes(builder, splat(builder, number, WIDTH))
    return Lanes(builder, splat(builder, number.value, PARTS.count) if kind == I64 else _splat(number))
