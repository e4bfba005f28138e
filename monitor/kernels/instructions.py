"""Functions of kernels that are written in LLVM's instructions, each beside a plain twin in NumPy.

Numba takes some 0.1 s of compiling for each function, view and slice that a kernel has, and LLVM finds SIMD instructions for
some loops only. Where either hurts, a function over rows is written twice: in NumPy, which is what Python calls and what
runs where kernels are not compiled; and as a writer of instructions, which kernels get in its place.

Loops step over whole vectors, so rows have room up to the next multiple of ``BLOCK`` lanes or numbers.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import infer_global, make_intrinsic_template
from numpy.typing import NDArray

P = ParamSpec("P")
R = TypeVar("R")

I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))

BLOCK = 32
"""Lanes, or numbers, that rows are padded to multiples of."""

ALIGNMENT = 64
"""Bytes of a cache line: vectors that begin at multiples of their size never lie across two."""


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number of 64 bits in the function that ``builder`` writes."""

    builder: ir.IRBuilder
    value: ir.Value

    def of(self, other: Number | int) -> ir.Value:
        """Another number as LLVM wants it."""
        return other.value if isinstance(other, Number) else ir.Constant(I64, other)

    def __add__(self, other: Number | int) -> Number:
        return Number(self.builder, self.builder.add(self.value, self.of(other)))

    def __sub__(self, other: Number | int) -> Number:
        return Number(self.builder, self.builder.sub(self.value, self.of(other)))

    def __rsub__(self, other: int) -> Number:
        return Number(self.builder, self.builder.sub(self.of(other), self.value))

    def __mul__(self, other: Number | int) -> Number:
        return Number(self.builder, self.builder.mul(self.value, self.of(other)))

    def __lshift__(self, bits: Number | int) -> Number:
        return Number(self.builder, self.builder.shl(self.value, self.of(bits)))

    def __rlshift__(self, number: int) -> Number:
        return Number(self.builder, self.builder.shl(ir.Constant(I64, number), self.value))

    def __rshift__(self, bits: int) -> Number:
        return Number(self.builder, self.builder.ashr(self.value, self.of(bits)))

    def __and__(self, bits: int) -> Number:
        return Number(self.builder, self.builder.and_(self.value, self.of(bits)))

    def up_to(self, multiple: int) -> Number:
        """The next multiple of a power of two."""
        return (self + (multiple - 1)) & -multiple

    def at_least(self, other: Number | int) -> ir.Value:
        """Whether it is, as one bit."""
        return self.builder.icmp_signed(">=", self.value, self.of(other))

    def where(self, condition: ir.Value, other: Number | int = 0) -> Number:
        """This number if a bit is set, else another."""
        return Number(self.builder, self.builder.select(condition, self.value, self.of(other)))

    def as_int(self, kind: ir.IntType) -> ir.Value:
        """Its lowest bits."""
        return self.builder.trunc(self.value, kind)


@dataclass(frozen=True, slots=True)
class Room:
    """Where an array's numbers lie, row by row."""

    builder: ir.IRBuilder
    start: ir.Value
    sizes: tuple[Number, ...]

    def row(self, *indices: Number | int) -> Room:
        """A row, or whatever follows the first indices."""
        at = Number(self.builder, ir.Constant(I64, 0))
        for index, size in zip(indices, self.sizes, strict=False):
            at = at * size + index
        for size in self.sizes[len(indices) :]:
            at = at * size
        return Room(self.builder, self.place(at), self.sizes[len(indices) :])

    def after(self, count: Number | int) -> Room:
        """What follows some numbers of a row; the size stays what it was."""
        return Room(self.builder, self.place(count), self.sizes)

    def place(self, index: Number | int) -> ir.Value:
        """The address of a number."""
        at = index.value if isinstance(index, Number) else ir.Constant(I64, index)
        return self.builder.gep(self.start, [at])

    def of_kind(self, kind: ir.Type) -> Room:
        """The same bytes as another kind of number; sizes stay what they were."""
        return Room(self.builder, self.builder.bitcast(self.start, kind.as_pointer()), self.sizes)

    def load(self, index: Number | int) -> ir.Value:
        """One number."""
        return self.builder.load(self.place(index))

    def number(self, index: Number | int) -> Number:
        """One number of an int64 array."""
        return Number(self.builder, self.load(index))

    def load_vector(self, index: Number | int, count: int) -> ir.Value:
        """Some numbers that lie together."""
        kind = self.start.type.pointee
        place = self.builder.bitcast(self.place(index), ir.VectorType(kind, count).as_pointer())
        return self.builder.load(place, align=_bytes_of(kind))

    def store_vector(self, index: Number | int, vector: ir.Value) -> None:
        """Put them there."""
        place = self.builder.bitcast(self.place(index), vector.type.as_pointer())
        self.builder.store(vector, place, align=_bytes_of(vector.type.element))


def _bytes_of(kind: ir.Type) -> int:
    return int(kind.intrinsic_name[1:]) // 8


@contextmanager
def each(builder: ir.IRBuilder, stop: Number, step: int = 1, start: Number | None = None) -> Iterator[Number]:
    """A loop over the numbers from ``start``, or 0, to less than ``stop``; LLVM leaves it rolled, as it holds a lot."""
    before, loop = builder.block, builder.append_basic_block("each")
    after = builder.append_basic_block("after")
    first = ir.Constant(I64, 0) if start is None else start.value
    builder.cbranch(builder.icmp_signed("<", first, stop.value), loop, after)
    builder.position_at_end(loop)
    index = builder.phi(I64)
    index.add_incoming(first, before)
    yield Number(builder, index)
    following = builder.add(index, ir.Constant(I64, step))
    index.add_incoming(following, builder.block)
    again = builder.cbranch(builder.icmp_signed("<", following, stop.value), loop, after)
    again.set_metadata("llvm.loop", _not_unrolled(builder.module))
    builder.position_at_end(after)


def _not_unrolled(module: ir.Module) -> ir.values.MDValue:
    node = ir.values.MDValue(module, (), str(len(module.metadata)))
    node.operands = node, module.add_metadata(["llvm.loop.unroll.disable"])  # naming itself makes it this loop's
    return node


def _apart(name: str, emit: Callable[..., ir.Value | None]) -> Callable[..., None]:
    """Write the instructions as a function of their own, and call it."""

    def call(builder: ir.IRBuilder, *given: Room | Number | ir.Value) -> None:
        values: list[ir.Value] = []
        for one in given:
            if isinstance(one, Room):
                values += one.start, *(size.value for size in one.sizes)
            else:
                values.append(one.value if isinstance(one, Number) else one)
        kind = ir.FunctionType(ir.VoidType(), [value.type for value in values])
        function = ir.Function(builder.module, kind, builder.module.get_unique_name(name))
        function.linkage = "internal"
        function.attributes.add("noinline")
        inside, taken = ir.IRBuilder(function.append_basic_block("entry")), iter(function.args)

        def argument(one: Room | Number | ir.Value) -> Room | Number | ir.Value:
            value = next(taken)
            if not isinstance(one, Room):
                return Number(inside, value) if isinstance(one, Number) else value
            value.add_attribute("noalias")
            return Room(inside, value, tuple(Number(inside, next(taken)) for _ in one.sizes))

        emit(inside, *[argument(one) for one in given])
        inside.ret_void()
        builder.call(function, values)

    return call


def written_by(
    emit: Callable[..., ir.Value | None], gives: Any = types.void, *, apart: bool = False
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let compiled kernels that call a function run the instructions that ``emit`` writes.

    Args:
        emit: Takes LLVM's builder, then the function's arguments: contiguous arrays as a ``Room``, float64 as LLVM has it,
            all else as a ``Number``.
        gives: Numba's type of what the function, and ``emit``, give.
        apart: Whether the instructions make a function of their own, which gives nothing. Where a kernel has many loops,
            LLVM then has all registers for one of them at a time.
    """

    def register(plain: Callable[P, R]) -> Callable[P, R]:
        def define(_context: Any, *given: Any) -> Any:
            kinds = [kind if isinstance(kind, types.Array | types.Float) else types.int64 for kind in given]

            def lower(context: Any, builder: ir.IRBuilder, _signature: Any, values: Any) -> ir.Value:
                def argument(kind: Any, value: ir.Value) -> Room | Number | ir.Value:
                    if isinstance(kind, types.Float):
                        return value
                    if not isinstance(kind, types.Array):
                        return Number(builder, value)
                    array = context.make_array(kind)(context, builder, value)
                    sizes = cgutils.unpack_tuple(builder, array.shape)  # type: ignore[no-untyped-call]
                    return Room(builder, array.data, tuple(Number(builder, size) for size in sizes))

                run = _apart(plain.__name__, emit) if apart else emit
                made = run(builder, *map(argument, kinds, values))
                return context.get_dummy_value() if made is None else made

            return gives(*kinds), lower

        # Numba reads off it how arguments are passed: the context, then as to the plain function.
        described = inspect.signature(plain)
        context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        define.__signature__ = described.replace(  # type: ignore[attr-defined]
            parameters=[context, *described.parameters.values()]
        )
        template = make_intrinsic_template(plain, define, plain.__name__)  # type: ignore[no-untyped-call]
        infer_global(plain, types.Function(template))  # type: ignore[no-untyped-call]
        return plain

    return register


def sum_of(builder: ir.IRBuilder, vector: ir.Value) -> ir.Value:
    """The sum of integers in a vector."""
    name = f"llvm.vector.reduce.add.v{vector.type.count}{vector.type.element.intrinsic_name}"
    kind = ir.FunctionType(vector.type.element, [vector.type])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [vector])  # type: ignore[no-untyped-call]


def as_bytes(rows: NDArray[Any]) -> NDArray[np.uint8]:
    """The same rows, of any numbers, in the one type that kernels are compiled for; a copy where they don't lie together."""
    seen: NDArray[np.uint8] = np.ascontiguousarray(rows).view(np.uint8)
    seen.flags.writeable = False
    return seen


def together(pictures: Sequence[NDArray[Any]], room: NDArray[Any], seen: slice) -> NDArray[np.uint8]:
    """Pictures of one size as one array of bytes, (pictures, height, width).

    Args:
        pictures: They; one alone is taken as it is.
        room: Where several are copied to, (pictures, height, width).
        seen: Which rows of them are wanted.
    """
    if len(pictures) == 1:
        return as_bytes(pictures[0][None])
    for own, picture in zip(room, pictures, strict=True):
        own[seen] = picture[seen]
    return as_bytes(room)


def aligned(shape: tuple[int, ...], kind: Any) -> NDArray[Any]:
    """An array of zeros that begins at a cache line."""
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    room = np.zeros(size + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    made: NDArray[Any] = room[start : start + size].view(kind).reshape(shape)
    return made
