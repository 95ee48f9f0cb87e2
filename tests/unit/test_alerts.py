"""The verdict on an alert, for every order in which its posts may come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.time import DAY, HOUR, MINUTE
from notifier.policy.alerts import AlertIncident, KnownAlert, PostedAlert, firing_until, judge

NOW = 1_795_780_800_000
TIMEOUT = 5 * MINUTE
_TIMES = st.none() | st.integers(NOW - 3 * DAY, NOW + 3 * DAY)
_POSTED = st.builds(PostedAlert, starts_at=_TIMES, ends_at=_TIMES)
_KNOWN = st.none() | st.builds(
    KnownAlert, starts_at=st.integers(NOW - 3 * DAY, NOW), ends_at=_TIMES, ended_at=_TIMES
)
_INCIDENT = st.none() | st.builds(AlertIncident, resolved=st.booleans(), by_hand=st.booleans())


@given(posted=_POSTED, known=_KNOWN, incident=_INCIDENT)
def test_what_fires_is_heard_and_what_is_over_opens_nothing(
    posted: PostedAlert, known: KnownAlert | None, incident: AlertIncident | None
) -> None:
    """An incident that is not resolved goes on or ends; without one, only a person keeps a firing closed."""
    verdict = judge(posted, known, incident, NOW, TIMEOUT)
    fires = firing_until(posted, NOW, TIMEOUT) is not None
    unresolved = incident is not None and not incident.resolved
    if fires and unresolved:
        assert verdict == "goes_on"
    elif fires:
        assert verdict in {"opens", "stays_closed"}
        assert verdict == "opens" or (incident is not None and incident.by_hand and known is not None)
    elif unresolved:
        assert verdict in {"ends", "nothing"}
        assert verdict == "ends" or (known is not None and known.ended_at is not None)
    else:
        assert verdict in {"nothing", "stale"}


@given(posted=_POSTED)
def test_an_end_is_in_the_future_and_a_fast_clock_sets_none(posted: PostedAlert) -> None:
    until = firing_until(posted, NOW, TIMEOUT)
    if posted.starts_at is not None and posted.starts_at > NOW + HOUR:
        assert until == NOW + TIMEOUT
    assert until is None or until > NOW


@pytest.mark.parametrize(
    ("posted", "expected"),
    [
        (PostedAlert(starts_at=None, ends_at=None), NOW + TIMEOUT),
        (PostedAlert(starts_at=NOW, ends_at=NOW + 1), NOW + 1),
        (PostedAlert(starts_at=NOW, ends_at=NOW), None),
        (PostedAlert(starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR), NOW + 2 * HOUR),
        (PostedAlert(starts_at=NOW + HOUR + 1, ends_at=NOW + 2 * HOUR), NOW + TIMEOUT),
    ],
)
def test_when_an_alert_ends(posted: PostedAlert, expected: int | None) -> None:
    """At its sender's end, else after the timeout; a sender's clock may be an hour ahead at most."""
    assert firing_until(posted, NOW, TIMEOUT) == expected


OPEN = AlertIncident(resolved=False, by_hand=False)
OVER = AlertIncident(resolved=True, by_hand=False)
BY_HAND = AlertIncident(resolved=True, by_hand=True)


def remembered(
    starts_at: int = NOW - HOUR, ends_at: int | None = None, ended_at: int | None = None
) -> KnownAlert:
    return KnownAlert(starts_at=starts_at, ends_at=ends_at, ended_at=ended_at)


@pytest.mark.parametrize(
    ("starts_at", "alert", "incident", "verdict"),
    [
        (NOW - HOUR, None, None, "opens"),
        (NOW - HOUR, remembered(), OPEN, "goes_on"),
        (NOW - HOUR, remembered(), OVER, "opens"),
        # A person has resolved it: the same firing stays closed, a later one opens.
        (NOW - HOUR, remembered(), BY_HAND, "stays_closed"),
        (NOW - HOUR + 1, remembered(), BY_HAND, "opens"),
        (NOW - HOUR, None, BY_HAND, "opens"),
        # A sender that gives no start: the same while it has not run out.
        (None, remembered(ends_at=NOW), BY_HAND, "stays_closed"),
        (None, remembered(ends_at=NOW - 1), BY_HAND, "opens"),
        (None, remembered(ends_at=None), BY_HAND, "opens"),
    ],
)
def test_what_a_firing_does(
    starts_at: int | None, alert: KnownAlert | None, incident: AlertIncident | None, verdict: str
) -> None:
    posted = PostedAlert(starts_at=starts_at, ends_at=None)
    assert judge(posted, alert, incident, NOW, TIMEOUT) == verdict


@pytest.mark.parametrize(
    ("ends_at", "alert", "incident", "verdict"),
    [
        (NOW, None, OPEN, "ends"),
        (NOW, remembered(), OPEN, "ends"),
        # The same end a second time, as the other replica of a pair tells it; and a later one.
        (NOW - 5, remembered(ended_at=NOW - 5), OPEN, "nothing"),
        (NOW - 5, remembered(ended_at=NOW - 4), OPEN, "nothing"),
        (NOW - 5, remembered(ended_at=NOW - 6), OPEN, "ends"),
        (NOW, None, OVER, "nothing"),
        (NOW, remembered(), None, "nothing"),
        # Nobody knows of it: told late, by a day at most.
        (NOW - DAY, None, None, "nothing"),
        (NOW - DAY - 1, None, None, "stale"),
        (NOW - DAY - 1, remembered(), None, "nothing"),
        (NOW - DAY - 1, None, OVER, "nothing"),
    ],
)
def test_what_an_end_does(
    ends_at: int, alert: KnownAlert | None, incident: AlertIncident | None, verdict: str
) -> None:
    posted = PostedAlert(starts_at=NOW - 2 * DAY, ends_at=ends_at)
    assert judge(posted, alert, incident, NOW, TIMEOUT) == verdict
