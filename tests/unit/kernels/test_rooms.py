"""Working room is used again, by one thread at a time, and forgotten with its kind."""

from __future__ import annotations

from monitor.kernels.rooms import KINDS, Rooms


def test_a_room_is_used_again_but_never_twice_at_a_time() -> None:
    rooms = Rooms()
    with rooms.borrowed("small", list) as first:
        first.append(1)
        with rooms.borrowed("small", list) as second:
            assert second is not first
    with rooms.borrowed("small", list) as again:
        assert again is first or again is second
    with rooms.borrowed("large", dict) as other:
        assert other == {}


def test_a_room_comes_back_after_an_error() -> None:
    rooms = Rooms()
    try:
        with rooms.borrowed("small", list) as first:
            raise ValueError("broken picture")
    except ValueError:
        pass
    with rooms.borrowed("small", list) as again:
        assert again is first


def test_kinds_that_are_no_longer_used_are_forgotten() -> None:
    rooms = Rooms()
    with rooms.borrowed("oldest", list) as oldest:
        oldest.append("kept")
    with rooms.borrowed("in use", list) as used:
        used.append("kept")
    for number in range(KINDS - 1):
        with rooms.borrowed(number, list), rooms.borrowed("in use", list) as same:
            assert same is used
    with rooms.borrowed("oldest", list) as anew:
        assert anew == []
