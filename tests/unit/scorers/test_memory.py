"""Measurements that several threads want of planes that come and go."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from monitor.scorers._memory import PlaneMemory
from monitor.types import Plane


def plane() -> Plane:
    return np.zeros((2, 2), np.uint8)


def test_those_who_come_while_it_is_measured_wait_for_the_one_value() -> None:
    memory, planes = PlaneMemory(), (plane(), plane())
    began, go_on = threading.Event(), threading.Event()
    calls: list[int] = []

    def measure() -> object:
        calls.append(1)
        began.set()
        assert go_on.wait(10)
        return object()

    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(memory.once, "vif", planes, measure)
        assert began.wait(10)
        others = [threads.submit(memory.once, "vif", planes, measure) for _ in range(2)]
        assert memory.once("adm", planes, lambda: "unhindered") == "unhindered"
        assert not first.done()
        go_on.set()
        assert all(other.result(10) is first.result(10) for other in others)
    assert calls == [1]


def test_what_is_measured_and_of_which_planes_makes_the_difference() -> None:
    memory, one, other = PlaneMemory(), plane(), plane()
    assert memory.once("vif", (one, other), lambda: 1) == 1
    assert memory.once("adm", (one, other), lambda: 2) == 2
    assert memory.once("vif", (other, one), lambda: 3) == 3
    assert memory.once("vif", (one, other), lambda: 4) == 1


def test_after_a_failure_the_next_one_tries_again() -> None:
    memory, planes = PlaneMemory(), (plane(),)

    def fail() -> float:
        raise ValueError("no memory")

    with pytest.raises(ValueError, match="no memory"):
        memory.once("vif", planes, fail)
    assert memory.once("vif", planes, lambda: 1.5) == 1.5


def test_a_promise_is_given_once_and_hinders_nobody() -> None:
    memory, planes = PlaneMemory(), (plane(),)
    assert memory.promise("vif", planes)
    assert not memory.promise("vif", planes)
    assert memory.once("vif", planes, lambda: 7) == 7
    assert not memory.promise("vif", planes)


def test_it_ends_with_any_of_the_planes() -> None:
    memory, kept, passing = PlaneMemory(), plane(), plane()
    memory.once("vif", (passing, kept), lambda: 1)
    memory.promise("adm", (kept, passing))
    memory.once("motion", (kept,), lambda: 1)
    assert len(memory) == 3
    del passing
    gc.collect()
    assert len(memory) == 1
