"""A plan says what each rendition shows, and a verdict says whether the alerts fit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from monitor.errors import ConfigError
from monitor.types import Alert, AlertState, Severity
from pipelines.demo.faults import Fault, FaultKind, FaultPlan, standard_plan, verdict

T0 = datetime(2026, 11, 21, 12, tzinfo=UTC)
RUNGS = ("540p", "360p", "270p")
PLAN = FaultPlan(
    (
        Fault(FaultKind.BITRATE_COLLAPSE, "360p", 20, 10),
        Fault(FaultKind.FREEZE, "*", 41, 9),
        Fault(FaultKind.BLACK, "*", 61, 9),
        Fault(FaultKind.MISSING_SEGMENT, "270p", 80, 2),
    ),
    duration_seconds=100,
)


def alert(name, rendition, seconds, state=AlertState.RESOLVED, *, lasts=8.0, feature="", severity=Severity.WARNING):
    begin = T0 + timedelta(seconds=seconds)
    return Alert(
        name=name,
        state=state,
        severity=severity,
        stream="demo",
        rendition=rendition,
        feature=feature,
        starts_at=begin,
        ends_at=begin + timedelta(seconds=lasts) if state is AlertState.RESOLVED else None,
        value=None,
        threshold=None,
        summary=name,
    )


def incident(name, rendition, seconds, **more):
    """An alert's transitions: firing, then resolved."""
    return [alert(name, rendition, seconds, state, **more) for state in (AlertState.FIRING, AlertState.RESOLVED)]


def all_alerts():
    found = incident("ScoreDrop", "360p", 22, feature="psnr_y") + incident("SegmentMissing", "270p", 84)
    for rung in RUNGS:
        found += incident("FrozenPicture", rung, 41) + incident("BlackPicture", rung, 61.04)
    return found


def judge(alerts):
    return verdict(PLAN, alerts, T0, RUNGS)


class TestPlan:
    def test_healthy_pictures_are_shown_when_they_are_due(self):
        assert PLAN.shown("540p", Fraction(5)) == 5
        assert PLAN.shown("540p", Fraction(50)) == 50  # the freeze ends before its end

    def test_a_freeze_shows_its_first_picture(self):
        assert [PLAN.shown("270p", Fraction(second)) for second in (41, 45, Fraction(1249, 25))] == [41, 41, 41]

    def test_black_shows_nothing_and_wins(self):
        assert PLAN.shown("360p", Fraction(61)) is None
        both = FaultPlan((Fault(FaultKind.FREEZE, "*", 0, 9), Fault(FaultKind.BLACK, "a", 2, 2)), 10)
        assert [both.shown("a", Fraction(second)) for second in (1, 2, 4)] == [0, None, 0]
        assert both.shown("b", Fraction(2)) == 0

    def test_the_source_never_suffers(self):
        everything = FaultPlan(tuple(Fault(kind, "*", 0, 10) for kind in FaultKind), 10)
        assert everything.shown("source", Fraction(5)) == 5
        assert everything.bitrate_factor("source", Fraction(4), Fraction(2)) == 1
        assert not everything.is_missing("source", Fraction(4), Fraction(2))
        assert everything.is_missing("540p", Fraction(4), Fraction(2))

    def test_faults_of_whole_segments_take_those_that_they_cover_by_half(self):
        plan = FaultPlan((Fault(FaultKind.BITRATE_COLLAPSE, "a", 5, 4),), 20, collapse_factor=0.1)
        factors = [plan.bitrate_factor("a", Fraction(start), Fraction(2)) for start in range(0, 12, 2)]
        assert factors == [1, 1, 0.1, 0.1, 0.1, 1]
        assert plan.bitrate_factor("b", Fraction(6), Fraction(2)) == 1

    @pytest.mark.parametrize("fault", [(-1, 5), (5, 0), (8, 3)])
    def test_faults_outside_the_run_are_refused(self, fault):
        with pytest.raises(ConfigError, match="does not fit into a run of 10 s"):
            FaultPlan((Fault(FaultKind.FREEZE, "*", *fault),), 10)

    def test_the_standard_plan_leaves_time_to_learn_to_raise_and_to_resolve(self):
        plan = standard_plan(RUNGS)
        assert {fault.kind for fault in plan.faults} == set(FaultKind)
        assert plan.duration_seconds <= 90
        scored = sorted((f for f in plan.faults if f.kind is not FaultKind.MISSING_SEGMENT), key=lambda f: f.start_seconds)
        assert scored[0].start_seconds >= 26
        assert all(fault.duration_seconds >= 8 for fault in scored)
        ends = [fault.end_seconds for fault in scored]
        starts = [*(fault.start_seconds for fault in scored[1:]), plan.duration_seconds]
        assert all(start - end >= 8 for end, start in zip(ends, starts, strict=True))
        freeze = next(fault for fault in plan.faults if fault.kind is FaultKind.FREEZE)
        assert freeze.start_seconds % 2 == 1  # in the middle of a 2 s segment


class TestVerdict:
    def test_all_faults_raised_and_resolved_and_nothing_else(self):
        result = judge(all_alerts())
        assert result.passed
        assert len(result.matched) == 1 + 3 + 3 + 1
        assert (result.missed, result.unresolved, result.unexpected) == ((), (), ())

    def test_silence_misses_everything(self):
        result = judge([])
        assert not result.passed
        assert [(finding.fault.kind, finding.rendition) for finding in result.missed] == [
            (FaultKind.BITRATE_COLLAPSE, "360p"),
            *((FaultKind.FREEZE, rung) for rung in RUNGS),
            *((FaultKind.BLACK, rung) for rung in RUNGS),
            (FaultKind.MISSING_SEGMENT, "270p"),
        ]

    def test_a_fault_missed_on_one_rung(self):
        result = judge([a for a in all_alerts() if (a.name, a.rendition) != ("FrozenPicture", "540p")])
        assert [(f.fault.kind, f.rendition) for f in result.missed] == [(FaultKind.FREEZE, "540p")]
        assert not result.passed

    def test_an_alert_that_is_still_firing(self):
        alerts = [a for a in all_alerts() if (a.name, a.rendition, a.state) != ("BlackPicture", "270p", AlertState.RESOLVED)]
        result = judge(alerts)
        assert [(f.fault.kind, f.rendition) for f in result.unresolved] == [(FaultKind.BLACK, "270p")]
        assert (result.missed, result.unexpected, result.passed) == ((), (), False)

    def test_a_pending_alert_counts_for_nothing(self):
        result = judge(
            [a for a in all_alerts() if a.name != "ScoreDrop"] + [alert("ScoreDrop", "360p", 22, AlertState.PENDING)]
        )
        assert [f.fault.kind for f in result.missed] == [FaultKind.BITRATE_COLLAPSE]
        assert judge([*all_alerts(), alert("StreamDown", "540p", 5, AlertState.PENDING)]).passed

    @pytest.mark.parametrize(
        "stray",
        [
            ("StreamDown", "", 10),  # no fault raises it
            ("BlackPicture", "540p", 44),  # during another fault
            ("ScoreDrop", "540p", 22),  # on a rung that is healthy
            ("FrozenPicture", "source", 42),  # on the source
            ("FrozenPicture", "540p", 30),  # before the fault
            ("SegmentMissing", "270p", 95),  # after it
        ],
    )
    def test_an_alert_that_no_fault_explains(self, stray):
        result = judge(all_alerts() + incident(*stray))
        assert [(a.name, a.rendition) for a in result.unexpected] == [stray[:2]]
        assert not result.passed
        assert (result.missed, result.unresolved) == ((), ())

    def test_several_alerts_may_name_one_fault(self):
        more = incident("LowScore", "360p", 20, feature="float_ssim", severity=Severity.CRITICAL)
        result = judge(all_alerts() + more)
        assert result.passed
        collapse = next(f for f in result.matched if f.fault.kind is FaultKind.BITRATE_COLLAPSE)
        assert {a.name for a in collapse.raised} == {"ScoreDrop", "LowScore"}

    @pytest.mark.parametrize("at", [44, 62])
    def test_what_follows_from_a_freeze_or_a_black_picture_is_not_planned(self, at):
        result = judge(all_alerts() + incident("ScoreDrop", "540p", at, feature="psnr_y"))
        assert [(a.name, a.rendition) for a in result.unexpected] == [("ScoreDrop", "540p")]
        assert not result.passed

    def test_an_alert_that_names_the_earlier_fault_is_not_given_to_the_next(self):
        plan = FaultPlan((Fault(FaultKind.FREEZE, "*", 10, 6), Fault(FaultKind.BLACK, "*", 18, 6)), 40)
        result = verdict(plan, incident("FrozenPicture", "a", 17) + incident("BlackPicture", "a", 18), T0, ["a"])
        assert [(f.fault.kind, len(f.raised)) for f in result.matched] == [(FaultKind.FREEZE, 1), (FaultKind.BLACK, 1)]

    def test_order_does_not_matter_and_stored_incidents_do_as_well(self):
        assert judge(list(reversed(all_alerts()))) == judge(all_alerts())
        assert judge([a for a in all_alerts() if a.state is AlertState.RESOLVED]).passed

    def test_a_second_incident_of_the_same_alert_is_its_own(self):
        again = alert("FrozenPicture", "540p", 47, AlertState.FIRING)
        result = judge([*all_alerts(), again])
        assert [f.rendition for f in result.unresolved] == ["540p"]
