from __future__ import annotations

import asyncio
import json
from types import ModuleType

from monitor.errors import SinkUnavailable
from monitor.web.live import LiveUpdates


class Counter:
    def __init__(self) -> None:
        self.revisions = 0
        self.reads = 0
        self.broken = False

    def revision(self) -> int:
        self.reads += 1
        if self.broken:
            raise SinkUnavailable("locked")
        return self.revisions


async def take(live: LiveUpdates, count: int) -> list[str]:
    stream = live.stream()
    try:
        return [await anext(stream) for _ in range(count)]
    finally:
        await stream.aclose()  # type: ignore[attr-defined]


def updates(history: object, **extra: float) -> LiveUpdates:
    return LiveUpdates(history, lambda: 12.5, **extra)  # type: ignore[arg-type]


def test_heartbeats_fill_silence(recording: ModuleType) -> None:
    texts = asyncio.run(take(updates(Counter(), heartbeat_seconds=0.0), 4))
    assert texts[0] == "retry: 2000\n\n"
    assert [text.split("\n")[0] for text in texts[1:]] == ["event: revision", "event: heartbeat", "event: heartbeat"]
    assert json.loads(texts[1].split("data: ")[1]) == {"revision": 0, "now_ms": 12500}


def test_pages_share_one_reading() -> None:
    history = Counter()
    live = updates(history, interval_seconds=3600.0)

    async def three() -> None:
        await asyncio.gather(*(take(live, 2) for _ in range(3)))

    asyncio.run(three())
    assert history.reads == 1
    assert live.clients == 0


def test_a_store_that_is_away_ends_no_stream() -> None:
    history = Counter()
    live = updates(history, interval_seconds=0.0, heartbeat_seconds=0.0)

    async def watch() -> list[str]:
        stream = live.stream()
        texts = [await anext(stream) for _ in range(2)]
        history.broken = True
        texts.append(await anext(stream))
        history.broken, history.revisions = False, 7
        texts.append(await anext(stream))
        await stream.aclose()  # type: ignore[attr-defined]
        return texts

    texts = asyncio.run(watch())
    assert [text.split("\n")[0] for text in texts[1:]] == ["event: revision", "event: heartbeat", "event: revision"]


def test_closing_ends_the_stream() -> None:
    live = updates(Counter())

    async def watch() -> list[str]:
        stream = live.stream()
        first = [await anext(stream), await anext(stream)]
        live.close()
        return first + [text async for text in stream]

    assert len(asyncio.run(watch())) == 2


def test_too_many_pages() -> None:
    live = LiveUpdates(Counter(), lambda: 0.0, max_clients=1)  # type: ignore[arg-type]

    async def crowd() -> tuple[bool, bool]:
        before = live.full
        stream = live.stream()
        await anext(stream)
        during = live.full
        await stream.aclose()  # type: ignore[attr-defined]
        return before, during

    assert asyncio.run(crowd()) == (False, True)
    assert not live.full
