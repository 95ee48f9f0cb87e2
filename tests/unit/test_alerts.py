"""The verdict on an alert, for every order in which its posts may come."""

from __future__ import annotations

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
