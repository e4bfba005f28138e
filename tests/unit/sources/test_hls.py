"""HLS inputs against a real server on loopback."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from monitor.errors import ConfigError, NoVideo, SourceError, SourceUnavailable
from monitor.protocols import Source
from monitor.sources.decoding import ByteSegment
from monitor.sources.hls import HlsSource, open_hls
from monitor.sources.hls_follower import FollowerPolicy
from monitor.types import EventKind, SourceEvent
from tests.unit.sources.clips import fmp4_segments, ts_segment
from tests.unit.sources.origin import LivePlaylist, Origin, Reply, gzipped, playlist, redirect

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
EAGER = FollowerPolicy(retry_seconds=0.05, ceiling_seconds=0.2, down_after_seconds=0.3)
WAIT = 10.0


class Everything:
    """A sampler that wants every frame."""

    keyframes_only = False

    def wants(self, pts: Fraction, duration: Fraction, index: int, *, keyframe: bool) -> bool:
        return True

    def reset(self) -> None:
        pass


def frames_of(segment: ByteSegment) -> int:
    with segment.decode() as decoding:
        return len(list(decoding.frames(Everything())))


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as served:
        yield served


class Watcher:
    """Reads a source on a thread of its own, as the monitor does."""

    def __init__(self, source: HlsSource) -> None:
        self.source = source
        self.items: list[ByteSegment | SourceEvent] = []
        self.error: BaseException | None = None
        self._queue: queue.Queue[ByteSegment | SourceEvent | None] = queue.Queue()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.source.stop()
        self._thread.join(WAIT)
        assert not self._thread.is_alive()

    def _read(self) -> None:
        try:
            with self.source:
                for item in self.source:
                    self._queue.put(item)
        except SourceError as error:
            self.error = error
        self._queue.put(None)

    def until(self, wanted: Callable[[ByteSegment | SourceEvent], bool]) -> ByteSegment | SourceEvent:
        while True:
            item = self._queue.get(timeout=WAIT)
            assert item is not None, f"ended early: {self.error or [str(one) for one in self.items]}"
            self.items.append(item)
            if wanted(item):
                return item

    def event(self, kind: EventKind) -> SourceEvent:
        item = self.until(lambda one: isinstance(one, SourceEvent) and one.kind is kind)
        assert isinstance(item, SourceEvent)
        return item

    def segment(self) -> ByteSegment:
        item = self.until(lambda one: isinstance(one, ByteSegment))
        assert isinstance(item, ByteSegment)
        return item

    def kinds(self) -> list[EventKind]:
        return [item.kind for item in self.items if isinstance(item, SourceEvent)]


def read_all(source: HlsSource) -> tuple[list[ByteSegment], list[SourceEvent]]:
    with source:
        items = list(source)
    segments = [item for item in items if isinstance(item, ByteSegment)]
    return segments, [item for item in items if isinstance(item, SourceEvent)]


def recording(origin: Origin, *lines: str, target: int = 1) -> HlsSource:
    head = ("#EXTM3U", f"#EXT-X-TARGETDURATION:{target}")
    origin.pages["/vod/index.m3u8"] = playlist("\n".join([*head, *lines, "#EXT-X-ENDLIST", ""]))
    return HlsSource("stream", "main", origin.url("/vod/index.m3u8"), live=False, timeout_seconds=2.0)


class TestDiscovery:
    def test_a_master_playlist_behind_a_redirect(self, origin: Origin) -> None:
        origin.pages["/start"] = redirect("/deep/master.txt?session=1")
        origin.pages["/deep/master.txt"] = gzipped(
            playlist(
                "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION=640x360\nlow/index.m3u8\n"
                '#EXT-X-STREAM-INF:BANDWIDTH=64000,CODECS="mp4a.40.2"\nsound/index.m3u8\n'
            )
        )
        found = open_hls(origin.url("/start"))
        assert [(one.name, one.url) for one in found] == [("360p", origin.url("/deep/low/index.m3u8"))]

    def test_a_media_playlist_is_one_rendition_at_the_address_that_was_given(self, origin: Origin) -> None:
        origin.pages["/start"] = redirect("/node7/index")
        origin.pages["/node7/index"] = playlist("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na.ts\n")
        assert [(one.name, one.url) for one in open_hls(origin.url("/start"))] == [("main", origin.url("/start"))]

    def test_sound_alone_is_no_video(self, origin: Origin) -> None:
        origin.pages["/m"] = playlist('#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=64000,CODECS="mp4a.40.2"\na.m3u8\n')
        with pytest.raises(NoVideo, match="1 variants, none of them with video"):
            open_hls(origin.url("/m"))

    @pytest.mark.parametrize(
        ("reply", "error", "reason", "said"),
        [
            (Reply(status=404), SourceUnavailable, "http_4xx", "HTTP 404"),
            (Reply(status=503), SourceUnavailable, "http_5xx", "HTTP 503"),
            (Reply(hang=True), SourceUnavailable, "timeout", "no answer within 0.2 s"),
            (Reply(drop=True), SourceUnavailable, "eof", "connection lost"),
            (Reply(b"<html>Sign in</html>"), SourceError, "playlist", "expected #EXTM3U, got HTML"),
            (Reply(b""), SourceError, "playlist", "an empty body"),
            (Reply(b"#EXTM3U\n", announced_length=99), SourceError, "eof", "truncated"),
        ],
    )
    def test_failures(self, origin: Origin, reply: Reply, error: type[SourceError], reason: str, said: str) -> None:
        origin.pages["/m"] = reply
        with pytest.raises(error, match=said) as raised:
            open_hls(origin.url("/m?key=secret"), timeout_seconds=0.2)
        assert raised.value.reason == reason
        assert "secret" not in str(raised.value)

    def test_unknown_host_and_refused_connection(self) -> None:
        with pytest.raises(SourceUnavailable, match=r"unknown host 'no-such-host\.invalid'"):
            open_hls("http://no-such-host.invalid/m.m3u8")
        with socket.socket() as reserved:
            reserved.bind(("127.0.0.1", 0))
            with pytest.raises(SourceUnavailable, match="connection refused"):
                open_hls(f"http://127.0.0.1:{reserved.getsockname()[1]}/m.m3u8")


class TestRecording:
    def test_it_is_read_from_the_beginning_and_ends(self, origin: Origin) -> None:
        lines = []
        for number in range(5):
            origin.pages[f"/vod/{number}.ts"] = Reply(ts_segment(number))
            lines += ["#EXTINF:0.4,", f"{number}.ts"]
        source = recording(origin, "#EXT-X-PROGRAM-DATE-TIME:2026-11-21T12:00:00Z", *lines)
        segments, events = read_all(source)
        assert isinstance(source, Source)
        assert not source.live
        assert [one.sequence for one in segments] == list(range(5))
        assert [one.started_at for one in segments] == [NOON + n * timedelta(seconds=0.4) for n in range(5)]
        assert all(one.has_utc and one.duration == Fraction("0.4") and one.download_seconds > 0 for one in segments)
        assert [frames_of(one) for one in segments] == [10] * 5
        assert [one.kind for one in events] == [EventKind.MANIFEST_CHANGED, EventKind.UP, EventKind.ENDED]
        assert origin.count("/vod/index.m3u8") == 1

    @pytest.mark.parametrize("reply", [Reply(status=404), Reply(status=503), Reply(b"<html>")])
    def test_one_that_cannot_be_opened_raises(self, origin: Origin, reply: Reply) -> None:
        origin.pages["/m"] = reply
        with pytest.raises(SourceError), HlsSource("s", "r", origin.url("/m"), live=False) as source:
            list(source)

    def test_fragmented_mp4_gets_its_initialization_section_which_is_fetched_once(self, origin: Origin) -> None:
        init, fragments = fmp4_segments(3)
        origin.pages["/vod/all.mp4"] = Reply(init + b"".join(fragments))
        lines = [f'#EXT-X-MAP:URI="all.mp4",BYTERANGE="{len(init)}@0"']
        for index, fragment in enumerate(fragments):
            where = f"@{len(init)}" if index == 0 else ""
            lines += ["#EXTINF:0.4,", f"#EXT-X-BYTERANGE:{len(fragment)}{where}", "all.mp4"]
        segments, _ = read_all(recording(origin, *lines))
        assert [one.data for one in segments] == list(fragments)
        assert {one.init for one in segments} == {init}
        assert [frames_of(one) for one in segments] == [10, 10, 10]
        assert len(origin.requests) == 1 + 1 + 3

    def test_aes_128_with_rotating_keys_and_both_kinds_of_vector(self, origin: Origin) -> None:
        keys = {"k1": bytes(range(16)), "k2": bytes(range(16, 32))}
        for name, key in keys.items():
            origin.pages[f"/vod/{name}"] = Reply(key)
        explicit = bytes.fromhex("0000000000000000000000000000abcd")
        vectors = [(7).to_bytes(16, "big"), (8).to_bytes(16, "big"), explicit, (10).to_bytes(16, "big")]
        for index, name in enumerate(["k1", "k1", "k2", "k1"]):
            origin.pages[f"/vod/{index}.ts"] = Reply(encrypted(ts_segment(index), keys[name], vectors[index]))
        segments, events = read_all(
            recording(
                origin,
                *("#EXT-X-MEDIA-SEQUENCE:7", '#EXT-X-KEY:METHOD=AES-128,URI="k1"', "#EXTINF:0.4,", "0.ts"),
                *("#EXTINF:0.4,", "1.ts", '#EXT-X-KEY:METHOD=AES-128,URI="k2",IV=0xABCD', "#EXTINF:0.4,", "2.ts"),
                *('#EXT-X-KEY:METHOD=AES-128,URI="k1"', "#EXTINF:0.4,", "3.ts"),
            )
        )
        assert [one.data for one in segments] == [ts_segment(index) for index in range(4)]
        assert [one.kind for one in events] == [EventKind.MANIFEST_CHANGED, EventKind.UP, EventKind.ENDED]
        assert (origin.count("/vod/k1"), origin.count("/vod/k2")) == (1, 1)

    def test_an_encrypted_initialization_section(self, origin: Origin) -> None:
        init, fragments = fmp4_segments(1)
        key, vector = bytes(16), bytes(15) + b"\x05"
        origin.pages["/vod/k"] = Reply(key)
        origin.pages["/vod/init.mp4"] = Reply(encrypted(init, key, vector))
        origin.pages["/vod/0.m4s"] = Reply(encrypted(fragments[0], key, vector))
        tags = ('#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x5', '#EXT-X-MAP:URI="init.mp4"', "#EXTINF:0.4,", "0.m4s")
        segments, _ = read_all(recording(origin, *tags))
        assert (segments[0].init, segments[0].data) == (init, fragments[0])

    def test_protected_content_is_refused_by_name(self, origin: Origin) -> None:
        tag = '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x",KEYFORMAT="com.apple.streamingkeydelivery"'
        with pytest.raises(SourceError, match=r"encrypted with SAMPLE-AES \(com.apple.streamingkeydelivery\)"):
            read_all(recording(origin, tag, "#EXTINF:0.4,", "0.ts"))

    def test_every_damage_is_named_and_the_rest_is_read(self, origin: Origin) -> None:
        body = ts_segment(0)
        origin.pages["/vod/k"] = Reply(b"<html>log in</html>")
        origin.pages["/vod/good.ts"] = Reply(body)
        origin.pages["/vod/empty.ts"] = Reply(b"")
        origin.pages["/vod/short.ts"] = Reply(body[:500], announced_length=len(body))
        origin.pages["/vod/cipher.ts"] = Reply(body)
        names = ["missing", "empty", "short", "good"]
        lines = [line for name in names for line in ("#EXTINF:0.4,", f"{name}.ts?sig=secret")]
        locked = ['#EXT-X-KEY:METHOD=AES-128,URI="k"', "#EXTINF:0.4,", "cipher.ts"]
        clear = ["#EXT-X-KEY:METHOD=NONE", "#EXT-X-GAP", "#EXTINF:0.4,", "gap.ts", "#EXTINF:0.4,", "good.ts"]
        segments, events = read_all(recording(origin, *lines, *locked, *clear))
        assert [one.sequence for one in segments] == [3, 6]
        assert [(one.kind, one.value, one.reason) for one in events[1:-1] if one.kind is not EventKind.UP] == [
            (EventKind.SEGMENT_MISSING, 0, "http_4xx"),
            (EventKind.SEGMENT_BAD, 1, "eof"),
            (EventKind.SEGMENT_BAD, 2, "eof"),
            (EventKind.SEGMENT_MISSING, 4, "auth"),
            (EventKind.SEGMENT_MISSING, 5, "gap"),
        ]
        assert not any("secret" in one.detail for one in events)
        assert origin.count("/vod/missing.ts") == 2
        assert origin.count("/vod/gap.ts") == 0

    def test_a_server_error_is_outlasted(self, origin: Origin) -> None:
        replies = iter([Reply(status=503), Reply(drop=True), Reply(drop=True), Reply(ts_segment(0))])
        origin.pages["/vod/0.ts"] = lambda: next(replies)
        segments, events = read_all(recording(origin, "#EXTINF:0.4,", "0.ts"))
        assert [one.sequence for one in segments] == [0]
        assert EventKind.SEGMENT_MISSING not in [one.kind for one in events]


class TestLive:
    def source(self, live: LivePlaylist | str, *, timeout_seconds: float = 5.0) -> HlsSource:
        url = live if isinstance(live, str) else live.url
        return HlsSource("stream", "720p", url, policy=EAGER, timeout_seconds=timeout_seconds)

    def test_it_follows_the_edge_until_the_end(self, origin: Origin) -> None:
        live = LivePlaylist(origin, target=0.1, pdt=NOON)
        for number in range(5):
            live.publish(ts_segment(number))
        with Watcher(self.source(live)) as watcher:
            first = [watcher.segment() for _ in range(3)]
            assert watcher.source.live
            live.publish(ts_segment(5), "#EXT-X-DISCONTINUITY")
            flagged = watcher.segment()
            live.end()
            watcher.event(EventKind.ENDED)
        assert [one.sequence for one in [*first, flagged]] == [2, 3, 4, 5]
        assert [one.discontinuity for one in [*first, flagged]] == [False, False, False, True]
        assert flagged.started_at == NOON + timedelta(seconds=0.5)
        assert flagged.published_at is not None
        assert watcher.kinds() == [
            EventKind.MANIFEST_CHANGED,
            EventKind.UP,
            EventKind.MANIFEST_CHANGED,
            EventKind.DISCONTINUITY,
            EventKind.ENDED,
        ]

    def test_a_stale_playlist_says_nothing_more_and_can_be_stopped(self, origin: Origin) -> None:
        live = LivePlaylist(origin, target=0.1)
        live.publish(ts_segment(0))
        with Watcher(self.source(live)) as watcher:
            watcher.segment()
            origin.wait_for(live.path, 8)
        assert watcher.kinds() == [EventKind.MANIFEST_CHANGED, EventKind.UP]
        assert watcher.error is None

    def test_one_that_is_not_there_yet_is_down_and_then_up(self, origin: Origin) -> None:
        live = LivePlaylist(origin, target=0.1)
        origin.pages[live.path] = Reply(status=404)
        with Watcher(self.source(live)) as watcher:
            assert watcher.event(EventKind.MANIFEST_ERROR).reason == "http_4xx"
            assert watcher.event(EventKind.DOWN).reason == "http_4xx"
            live.publish(ts_segment(0))
            origin.pages[live.path] = live.reply
            watcher.event(EventKind.RECONNECT)
            watcher.event(EventKind.UP)
            assert watcher.segment().sequence == 0

    def test_a_server_that_dies_and_comes_back(self) -> None:
        with Origin() as first:
            live = LivePlaylist(first, target=0.1)
            live.publish(ts_segment(0))
            with Watcher(self.source(live)) as watcher:
                watcher.segment()
                first.close()
                watcher.event(EventKind.MANIFEST_ERROR)
                assert watcher.event(EventKind.DOWN).reason in {"refused", "eof"}
                with Origin(first.port) as second:
                    again = LivePlaylist(second, target=0.1)
                    again.publish(ts_segment(0))
                    again.publish(ts_segment(1))
                    watcher.event(EventKind.UP)
                    assert watcher.segment().sequence == 1
        assert EventKind.RECONNECT in watcher.kinds()

    def test_an_html_page_for_a_while_is_a_manifest_error(self, origin: Origin) -> None:
        live = LivePlaylist(origin, target=0.1)
        live.publish(ts_segment(0))
        with Watcher(self.source(live)) as watcher:
            watcher.segment()
            origin.pages[live.path] = Reply(b"<html>maintenance</html>")
            error = watcher.event(EventKind.MANIFEST_ERROR)
            live.publish(ts_segment(1))
            origin.pages[live.path] = live.reply
            assert watcher.segment().sequence == 1
        assert error.reason == "playlist"
        assert "got HTML" in error.detail

    def test_a_hanging_segment_neither_stales_the_playlist_nor_holds_its_successors_for_ever(self, origin: Origin) -> None:
        live = LivePlaylist(origin, target=0.1)
        live.publish(ts_segment(0))
        with Watcher(self.source(live, timeout_seconds=0.3)) as watcher:
            watcher.segment()
            hung = live.publish(None, reply=Reply(hang=True))
            origin.wait_for(hung)
            live.publish(ts_segment(2))
            watcher.event(EventKind.MANIFEST_CHANGED)
            missing = watcher.event(EventKind.SEGMENT_MISSING)
            assert watcher.segment().sequence == 2
        assert (missing.value, missing.reason) == (1, "timeout")

    def test_a_restarted_encoder_is_a_discontinuity(self, origin: Origin) -> None:
        old = LivePlaylist(origin, target=0.1, sequence=5000, name="old")
        old.publish(ts_segment(0))
        with Watcher(self.source(old)) as watcher:
            watcher.segment()
            new = LivePlaylist(origin, target=0.1, name="new")
            new.publish(ts_segment(0))
            event = watcher.event(EventKind.DISCONTINUITY)
            segment = watcher.segment()
        assert (event.reason, segment.sequence, segment.discontinuity) == ("restart", 0, True)

    def test_a_restarted_packager_may_reuse_the_name_of_its_initialization_section(self, origin: Origin) -> None:
        init, fragments = fmp4_segments(2)
        live = LivePlaylist(origin, target=0.1)
        origin.pages["/live/init.mp4"] = Reply(init)
        tag = '#EXT-X-MAP:URI="init.mp4"'
        live.publish(fragments[0], tag)
        with Watcher(self.source(live)) as watcher:
            assert watcher.segment().init == init
            origin.pages["/live/init.mp4"] = Reply(init + b"\0\0\0\x08free")
            live.publish(fragments[1], "#EXT-X-DISCONTINUITY", tag)
            assert watcher.segment().init == init + b"\0\0\0\x08free"

    def test_without_dates_the_timeline_goes_on_from_one_arrival(self, origin: Origin) -> None:
        live = LivePlaylist(origin, target=0.1)
        live.publish(ts_segment(0))
        live.publish(ts_segment(1))
        before = datetime.now(UTC)
        with Watcher(self.source(live)) as watcher:
            first, second = watcher.segment(), watcher.segment()
            live.publish(ts_segment(2))
            third = watcher.segment()
        assert before - timedelta(seconds=0.2) <= first.started_at <= datetime.now(UTC) - timedelta(seconds=0.2)
        assert [second.started_at - first.started_at, third.started_at - second.started_at] == [timedelta(seconds=0.1)] * 2
        assert not first.has_utc

    @pytest.mark.parametrize("hanging", ["playlist", "segment"])
    def test_stop_does_not_wait_for_a_read_that_hangs(self, origin: Origin, hanging: str) -> None:
        live = LivePlaylist(origin, target=0.1)
        path = live.publish(None, reply=Reply(hang=True))
        if hanging == "playlist":
            origin.pages[live.path] = Reply(hang=True)
        source = self.source(live, timeout_seconds=600.0)
        ended = threading.Event()

        def read() -> None:
            with source:
                list(source)
            ended.set()

        threading.Thread(target=read, daemon=True).start()
        origin.wait_for(live.path if hanging == "playlist" else path)
        source.stop()
        assert ended.wait(1.0)

    def test_a_source_that_was_stopped_before_it_began_gives_nothing(self, origin: Origin) -> None:
        source = self.source(LivePlaylist(origin))
        source.stop()
        assert read_all(source) == ([], [])

    def test_a_master_playlist_is_a_wrong_setting(self, origin: Origin) -> None:
        origin.pages["/m"] = playlist("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n")
        with pytest.raises(ConfigError, match="is a master playlist"):
            read_all(self.source(origin.url("/m")))

    def test_it_is_iterated_inside_with(self, origin: Origin) -> None:
        with pytest.raises(ConfigError, match="outside `with`"):
            next(iter(self.source(origin.url("/m"))))


def encrypted(data: bytes, key: bytes, vector: bytes) -> bytes:
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    return encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()
