"""When to read a live playlist again."""

from __future__ import annotations


class ReloadSchedule:
    """Aims each reload at the moment the next segment is expected to be announced. No I/O, no clock.

    RFC 8216, 6.3.4 has a player wait one target duration after a reading that brought something and half of one after
    a reading that did not; a segment is then seen up to half a target duration late. A monitor is one client and its
    delay is the alert's delay, so this schedule asks around the expected moment instead, that is one duration of the
    newest segment after the request that first saw it:

    * It begins ``lead`` before that moment, where the lead is how uncertain the moment is: the time between the last
      question in vain and the first that brought it, a step at least. Where nothing was asked in vain it may have been
      announced long before, so the lead doubles; after the first reading of all it is the whole duration.
    * It goes on in steps of an eighth of the target duration, 0.25 s at most (twice that while the lead is long). A steady
      publisher is thus found within its first segment, and from then on seen within a step, half of one in the mean,
      for two questions a segment.
    * Past the expected moment the step doubles from the fourth question on, up to half a target duration: a stale
      playlist is asked at the RFC's rate.
    """

    EAGER = 4
    """Questions past the expected moment before the step doubles."""

    def __init__(self) -> None:
        self._step = 0.25
        self._ceiling = 1.0
        self._lead: float | None = None
        self._expected = float("-inf")
        self._asked_in_vain_at: float | None = None
        self._late = 0

    def after_change(self, asked_at: float, now: float, target_seconds: float, newest_seconds: float) -> float:
        """When to ask next, after a reading that brought something.

        Args:
            asked_at: when the request was sent, monotonic seconds like all times here.
            now: the present.
            target_seconds: the playlist's target duration.
            newest_seconds: duration of its newest segment.
        """
        duration = min(newest_seconds, target_seconds)
        self._step = min(0.25, target_seconds / 8.0)
        self._ceiling = target_seconds / 2.0
        if self._asked_in_vain_at is not None:
            self._lead = min(duration, max(self._step, asked_at - self._asked_in_vain_at))
        else:
            self._lead = duration if self._lead is None else min(duration, 2.0 * self._lead)
        self._expected = asked_at + duration
        self._asked_in_vain_at = None
        self._late = 0
        return max(now + self._step, self._expected - self._lead)

    def after_none(self, asked_at: float, now: float) -> float:
        """When to ask next, after a reading that brought nothing."""
        self._asked_in_vain_at = asked_at
        if now < self._expected:
            coarse = self._lead is not None and self._lead > 4.0 * self._step
            return now + (2.0 if coarse else 1.0) * self._step
        doublings = max(0, self._late + 1 - self.EAGER)
        self._late += 1
        return now + min(self._ceiling, self._step * 2.0 ** min(doublings, 32))
