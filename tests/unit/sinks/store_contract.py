"""What a SQL store promises, whatever the database: run for SQLite here and for a real PostgreSQL under integration."""

from __future__ import annotations

import dataclasses
import threading

import pytest

from monitor.errors import SinkError
from monitor.protocols import ThresholdRow
from monitor.sinks.sql import Pruned, SqlStore
from monitor.types import POOLS, AlertState, EventKind
from tests.unit.sinks import samples
from tests.unit.sinks.samples import alert, event, ms, result

ALWAYS = {"since_ms": 0, "until_ms": 10**15}


class StoreContract:
    """Every test gets ``store``: open and empty."""

    def test_a_segment_comes_back_as_it_was(self, store: SqlStore) -> None:
        store.write([result(number=3, discontinuity=True)])
        (row,) = store.segments("news", "720p", **ALWAYS)
        assert (row.sequence, row.start_ms, row.duration_ms) == (103, ms(6), 2000)
        assert row.bitrate_bps == 2_000_000
        assert (row.frames_expected, row.frames_decoded, row.decode_errors) == (50, 49, 1)
        assert (row.download_seconds, row.discontinuity) == (0.25, True)

    def test_a_score_comes_back_with_every_pool(self, store: SqlStore) -> None:
        store.write([result(means={"psnr_y": 40.125})])
        (row,) = store.series("news", "720p", "psnr_y", **ALWAYS)
        assert (row.start_ms, row.duration_ms, row.frames, row.coverage) == (ms(), 2000, 10, 0.2)
        assert dict(row.pools) == {pool: 40.125 + place / 8 for place, pool in enumerate(POOLS)}

    def test_numbers_that_are_not_finite_are_absent(self, store: SqlStore) -> None:
        given = result()
        scores = (samples.score(given.segment, **samples.NOT_FINITE),)
        store.write([dataclasses.replace(given, scores=scores)])
        (row,) = store.series("news", "720p", "psnr_y", **ALWAYS)
        assert set(row.pools) == set(POOLS) - set(samples.NOT_FINITE)

    def test_ranges_are_half_open_and_limits_keep_the_newest(self, store: SqlStore) -> None:
        store.write([result(number=number) for number in (4, 1, 3, 0, 2)])
        points = store.series("news", "720p", "psnr_y", since_ms=ms(2), until_ms=ms(8))
        assert [point.start_ms for point in points] == [ms(2), ms(4), ms(6)]
        assert [row.start_ms for row in store.segments("news", "720p", since_ms=ms(2), until_ms=ms(8))] == [
            ms(2),
            ms(4),
            ms(6),
        ]
        newest = store.series("news", "720p", "psnr_y", **ALWAYS, limit=2)
        assert [point.start_ms for point in newest] == [ms(6), ms(8)]
        named = store.series("news", "720p", "psnr_y", **ALWAYS, limit=2, pools=("p5", "mean"))
        assert [dict(point.pools) for point in named] == [
            {name: point.pools[name] for name in ("p5", "mean")} for point in newest
        ]
        assert [point.frames for point in named] == [point.frames for point in newest]
        assert [row.start_ms for row in store.segments("news", "720p", **ALWAYS, limit=2)] == [ms(6), ms(8)]

    def test_streams_renditions_and_features_do_not_mix(self, store: SqlStore) -> None:
        store.write([result("news", "720p"), result("news", "1080p", means={"ssim": 0.9}), result("film", means={})])
        assert store.features("news") == ["psnr_y", "ssim"]
        assert store.features("film") == []
        assert store.series("news", "1080p", "psnr_y", **ALWAYS) == []
        assert store.series("film", "720p", "psnr_y", **ALWAYS) == []
        assert len(store.segments("film", "720p", **ALWAYS)) == 1

    def test_models_do_not_mix(self, store: SqlStore) -> None:
        store.write([result(number=number, model="psnr/9", means={"psnr_y": 1.0}) for number in range(3)])
        store.write([result(number=number, model="psnr/10", means={"psnr_y": 2.0}) for number in range(2)])
        means = [point.pools["mean"] for point in store.series("news", "720p", "psnr_y", **ALWAYS)]
        assert means == [1.0, 1.0, 1.0], "the newest segment was scored by psnr/9 alone"
        tied = store.series("news", "720p", "psnr_y", since_ms=0, until_ms=ms(3))
        assert [point.pools["mean"] for point in tied] == [2.0, 2.0], "version 10 is higher than 9"

    def test_writing_again_changes_nothing_but_the_revision(self, store: SqlStore) -> None:
        results, events = [result(number=number) for number in range(3)], [event(at=1), event(EventKind.UP, at=2)]
        store.write(results, events)
        before, revision = dump(store), store.revision()
        store.write(list(reversed(results)), list(reversed(events)))
        assert dump(store) == before
        assert store.revision() == revision + 1

    def test_a_later_score_of_the_same_identity_replaces(self, store: SqlStore) -> None:
        store.write([result(means={"psnr_y": 30.0}, bytes=1)])
        store.write([result(means={"psnr_y": 31.0}, bytes=250_000)])
        assert [point.pools["mean"] for point in store.series("news", "720p", "psnr_y", **ALWAYS)] == [31.0]
        assert [row.bitrate_bps for row in store.segments("news", "720p", **ALWAYS)] == [1_000_000]

    def test_a_rendition_shows_its_newest_segment(self, store: SqlStore) -> None:
        store.write([result(number=2, bytes=250_000, codec="hevc"), result(number=0), result(number=1)])
        (row,) = store.renditions()
        assert (row.stream, row.rendition, row.codec, row.width, row.height) == ("news", "720p", "hevc", 1280, 720)
        assert (row.first_start_ms, row.last_start_ms, row.last_duration_ms) == (ms(), ms(4), 2000)
        assert (row.frame_rate, row.bitrate_bps, row.up, row.detail) == (25.0, 1_000_000, None, "")

    def test_renditions_are_ordered_by_stream_and_falling_bitrate(self, store: SqlStore) -> None:
        sizes = {("news", "low"): 10, ("news", "high"): 30, ("news", "middle"): 20, ("film", "only"): 5}
        store.write([result(stream, rendition, bytes=size) for (stream, rendition), size in sizes.items()])
        assert [(row.stream, row.rendition) for row in store.renditions()] == [
            ("film", "only"), ("news", "high"), ("news", "middle"), ("news", "low"),
        ]  # fmt: skip

    def test_the_newest_state_report_counts(self, store: SqlStore) -> None:
        store.write([result()], [event(EventKind.DOWN, at=5, detail="refused"), event(EventKind.UP, at=3)])
        (row,) = store.renditions()
        assert (row.up, row.detail) == (False, "refused")
        store.write([], [event(EventKind.UP, at=6)])
        assert store.renditions()[0].up is True
        store.write([], [event(EventKind.ENDED, at=7), event(EventKind.RECONNECT, at=8, detail="not a report")])
        assert (store.renditions()[0].up, store.renditions()[0].detail) == (None, "")

    def test_a_report_on_the_whole_stream_counts_for_its_renditions(self, store: SqlStore) -> None:
        store.write([result(rendition="a"), result(rendition="b")], [event(EventKind.UP, rendition="a", at=9)])
        store.write([], [event(EventKind.DOWN, rendition="", at=5, detail="playlist gone")])
        rows = {row.rendition: (row.up, row.detail) for row in store.renditions()}
        assert rows == {"a": (True, ""), "b": (False, "playlist gone")}

    def test_a_stream_that_never_delivered_is_listed(self, store: SqlStore) -> None:
        store.write(
            [], [event(EventKind.DOWN, "dead", "", at=1, detail="refused"), event(EventKind.DOWN, "half", "a", at=2)]
        )
        dead, half = store.renditions()
        assert (dead.stream, dead.rendition, dead.up, dead.detail) == ("dead", "", False, "refused")
        assert (dead.first_start_ms, dead.last_start_ms, dead.last_duration_ms, dead.codec) == (ms(1), ms(1), 0, "")
        assert (half.stream, half.rendition, half.up) == ("half", "a", False)

    def test_events_come_back_newest_first(self, store: SqlStore) -> None:
        given = [event(EventKind.SEGMENT_MISSING, at=at, detail="404", reason="http_4xx", value=at) for at in (1, 3, 2)]
        store.write([], [*given, event(stream="film", at=9)])
        assert store.events(stream="news") == [given[1], given[2], given[0]]
        assert store.events(stream="news", since_ms=ms(2)) == [given[1], given[2]]
        assert [one.stream for one in store.events(limit=2)] == ["film", "news"]

    def test_two_events_in_one_millisecond_are_two(self, store: SqlStore) -> None:
        pair = [event(EventKind.SEGMENT_MISSING, at=1, value=value) for value in (5.0, 6.0)]
        store.write([], pair + pair)
        assert sorted(one.value for one in store.events()) == [5.0, 6.0]

    def test_texts_that_databases_refuse_are_escaped(self, store: SqlStore) -> None:
        store.write([], [event(detail="a\0b\udcffc")])
        assert [one.detail for one in store.events()] == ["a\\0b\\udcffc"]

    def test_an_incident_fires_and_resolves_in_one_row(self, store: SqlStore) -> None:
        firing = alert(evidence=("news/720p/worst.png",))
        store.save_alerts([firing])
        assert store.incidents() == [firing]
        resolved = alert(state=AlertState.RESOLVED, until=8)
        store.save_alerts([resolved])
        assert store.incidents() == [dataclasses.replace(resolved, evidence=firing.evidence)]

    def test_pending_alerts_are_no_incidents(self, store: SqlStore) -> None:
        store.save_alerts([alert(state=AlertState.PENDING), alert(state=AlertState.INACTIVE)])
        assert store.incidents() == []

    def test_incidents_are_chosen_by_when_they_were_open(self, store: SqlStore) -> None:
        old = alert(state=AlertState.RESOLVED, at=0, until=5)
        still = alert("LowScore", at=1)
        other = alert("StreamDown", stream="film", at=2, rendition="", feature="", value=None, threshold=None)
        store.save_alerts([old, still, other])
        assert store.incidents() == [other, still, old]
        assert store.incidents(since_ms=ms(6)) == [other, still]
        assert store.incidents(since_ms=ms(5), stream="news") == [still, old]
        assert store.incidents(limit=1) == [other]

    def test_documents_are_kept_by_key(self, store: SqlStore) -> None:
        assert store.load_state("alerts") is None
        store.save_state("alerts", "{}")
        store.save_state("alerts", '{"a": 1}')
        assert store.load_state("alerts") == '{"a": 1}'

    def test_thresholds_replace_those_before(self, store: SqlStore) -> None:
        row = ThresholdRow("LowScore", "warning", "vmaf", "mean", fires_above=False, value=70.0, clear=75.0)
        assert store.thresholds() == []
        store.set_thresholds([row, dataclasses.replace(row, severity="critical", value=50.0)])
        store.set_thresholds([row])
        assert store.thresholds() == [row]

    def test_the_revision_grows_with_what_pages_show(self, store: SqlStore) -> None:
        seen = [store.revision()]
        for write in (
            lambda: store.write([result()]),
            lambda: store.write([], [event()]),
            lambda: store.save_alerts([alert()]),
            lambda: store.set_thresholds([]),
            lambda: store.prune(0),
        ):
            write()
            seen.append(store.revision())
        assert seen == sorted(set(seen))
        store.save_state("alerts", "{}")
        store.write([])
        assert store.revision() == seen[-1]

    def test_pruning_deletes_what_is_older_and_counts_it(self, store: SqlStore) -> None:
        store.write(
            [result(number=n, means={"psnr_y": 1.0, "ssim": 1.0}) for n in range(5)], [event(at=at) for at in (1, 9)]
        )
        store.save_alerts([alert(state=AlertState.RESOLVED, until=1)])
        assert store.prune(ms(4)) == Pruned(segments=2, scores=4, events=1)
        assert [row.start_ms for row in store.segments("news", "720p", **ALWAYS)] == [ms(4), ms(6), ms(8)]
        assert len(store.series("news", "720p", "ssim", **ALWAYS)) == 3
        assert len(store.incidents()) == len(store.renditions()) == 1
        assert store.prune(ms(4)) == Pruned(0, 0, 0)

    def test_a_rendition_of_which_nothing_is_left_vanishes(self, store: SqlStore) -> None:
        store.write([result("gone"), result("alive", number=9)], [event(EventKind.DOWN, "down", at=30)])
        store.prune(ms(10))
        assert [row.stream for row in store.renditions()] == ["alive", "down"]
        assert store.features("gone") == []

    def test_a_refused_write_leaves_nothing(self, store: SqlStore) -> None:
        before = dump(store)
        given = [result(number=1), result(number=2, sequence=2**63)]
        with pytest.raises(SinkError):
            store.write(given, [event()])
        assert dump(store) == before

    def test_readers_beside_a_writer_see_whole_writes(self, store: SqlStore) -> None:
        done = threading.Event()
        torn: list[str] = []

        def read() -> None:
            last = 0
            while not done.is_set():
                revision = store.revision()
                count = len(store.segments("news", "720p", **ALWAYS))
                scores = len(store.series("news", "720p", "psnr_y", **ALWAYS))
                if revision < last or count % 2 or scores % 2 or scores < count:
                    torn.append(f"revision {last} -> {revision}, {count} segments, {scores} scores")
                last = revision

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        try:
            for number in range(0, 80, 2):
                store.write([result(number=number), result(number=number + 1)])
        finally:
            done.set()
            for reader in readers:
                reader.join()
        assert torn == []
        assert len(store.segments("news", "720p", **ALWAYS)) == 80

    def test_many_threads_may_write(self, store: SqlStore) -> None:
        failures: list[BaseException] = []

        def write(rendition: str) -> None:
            try:
                for number in range(10):
                    store.write([result(rendition=rendition, number=number)])
            except BaseException as error:  # noqa: BLE001 -- handed to the test
                failures.append(error)

        writers = [threading.Thread(target=write, args=(f"r{number}",)) for number in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert failures == []
        assert sum(len(store.segments("news", f"r{number}", **ALWAYS)) for number in range(4)) == 40

    def test_a_closed_store_opens_again(self, store: SqlStore) -> None:
        store.write([result()])
        store.flush()
        store.close()
        assert len(store.renditions()) == 1


def dump(store: SqlStore) -> dict[str, object]:
    """All that ``History`` shows, except the revision."""
    rows = store.renditions()
    return {
        "renditions": rows,
        "segments": [store.segments(row.stream, row.rendition, **ALWAYS) for row in rows],
        "series": [
            (feature, store.series(row.stream, row.rendition, feature, **ALWAYS))
            for row in rows
            for feature in store.features(row.stream)
        ],
        "events": store.events(),
        "incidents": store.incidents(),
    }
