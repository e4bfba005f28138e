"""When to read a live playlist again."""

from __future__ import annotations


class ReloadSchedule:
    """Aims each reload at the moment the next segment is expected to be announced. No I/O, no clock.

    RFC 8216, 6.3.4 has a player wait one target duration after a reading that brought something and half of one after
    a reading that did not; a segment is then seen 0-50 % of a target duration late, 1.5 s in the mean at 6 s. A monitor
    is one client and its delay is the alert's delay, so this schedule asks around the expected moment instead, that is
    one duration of the newest segment after the request that first saw it:

    * one step before, at it, and then step by step, with a step of an eighth of the target duration, 0.25 s at most;
    * a hit on the early question moves the expectation ahead by a step, so that a steady publisher is seen within a
      step (half of one in the mean) with two questions a segment, the rate of a player that finds nothing new once;
    * from the fifth question on the step doubles up to half a target duration: a stale playlist is asked at the RFC's rate.
    """

    EAGER = 4
    """Questions around the expected moment before the step doubles."""

    def __init__(self) -> None:
        self._step = 0.25
        self._ceiling = 1.0
        self._misses = 0

    def after_change(self, asked_at: float, now: float, target_seconds: float, newest_seconds: float) -> float:
        """When to ask next, after a reading that brought something.

        Args:
            asked_at: when the request was sent, monotonic seconds like all times here.
            now: the present.
            target_seconds: the playlist's target duration.
            newest_seconds: duration of its newest segment.
        """
        self._misses = 0
        self._step = min(0.25, target_seconds / 8.0)
        self._ceiling = target_seconds / 2.0
        expected = asked_at + min(newest_seconds, target_seconds)
        return max(now + self._step, expected - self._step)

    def after_none(self, now: float) -> float:
        """When to ask next, after a reading that brought nothing."""
        doublings = max(0, self._misses + 1 - self.EAGER)
        self._misses += 1
        return now + min(self._ceiling, self._step * 2.0 ** min(doublings, 32))
