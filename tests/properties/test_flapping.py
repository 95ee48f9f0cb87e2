"""However an identity flaps, its notifications stay within the route's limits, and the last one is correct."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.domain.route import Route
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import HOUR, MINUTE, SECOND, Duration
from notifier.store.sqlite import SqliteDatabase
from notifier.testing import ManualClock
from tests.examples import examples
from tests.flapper import Flapper, Heard
from tests.properties.empty_file import empty_file
from tests.world import World

_acts = st.sampled_from(["warning", "error", "critical", "end", "end"])
_waits = st.sampled_from([0, 5 * SECOND, 30 * SECOND, 2 * MINUTE, 5 * MINUTE, 20 * MINUTE, 2 * HOUR])
_routes = st.builds(
    Route,
    key=st.just("root"),
    name=st.just("default"),
    channels=st.just(("mail",)),
    group_by=st.sampled_from([("incident",), ("service",)]),
    group_wait=st.sampled_from([0, 10 * SECOND]),
    group_interval=st.sampled_from([MINUTE, 5 * MINUTE]),
    repeat_interval=st.just(4 * HOUR),
    resolve_after=st.sampled_from([None, None, 0, 10 * MINUTE]),
)


@settings(deadline=None, max_examples=examples(20, 60))
@given(route=_routes, steps=st.lists(st.tuples(_acts, _waits), min_size=1, max_size=25))
def test_an_identity_is_told_within_its_limits(route: Route, steps: list[tuple[str, Duration]]) -> None:
    """One message per `group_interval`, except for a first rise to critical.

    The last message states the final state.
    """
    heard, state = asyncio.run(_live(route, steps))
    for earlier, later in pairwise(heard):
        if later.at - earlier.at < route.group_interval:
            assert _rises(later), "told again within group_interval"
            before = [one for one in heard if one.at < later.at and one.at > later.at - route.group_interval]
            assert not any(_is_critical(one) for one in before), "told at critical again"
    if heard:
        told = {one.incident.id: one.incident for message in heard for one in message.message.told}
        newest = max(told.values(), key=lambda incident: incident.number)
        assert newest.state is state


async def _live(route: Route, steps: Sequence[tuple[str, Duration]]) -> tuple[list[Heard], State]:
    with tempfile.TemporaryDirectory(prefix="ntf-flapping-") as folder:
        path = Path(folder) / "notifier.db"
        shutil.copy(empty_file(), path)
        clock = ManualClock()
        database = SqliteDatabase(path, clock=clock)
        try:
            flapper = Flapper(await World.open(database, clock), look=MINUTE)
            flapper.use(route)
            state = State.RESOLVED
            for act, wait in steps:
                if act == "end":
                    await flapper.end()
                    state = State.RESOLVED
                else:
                    flapper.severity = act
                    await flapper.open()
                    state = State.OPEN
                clock.advance(1)
                flapper.look = max(10 * SECOND, wait // 10)
                await flapper.wait(wait)
            flapper.look = 2 * MINUTE
            await flapper.wait(30 * MINUTE)
            return await flapper.heard(), state
        finally:
            await database.aclose()


def _rises(heard: Heard) -> bool:
    """Whether a notification contains a critical unresolved incident."""
    return any(
        one.incident.severity is Severity.CRITICAL and one.incident.state is not State.RESOLVED
        for one in heard.message.told
    )


def _is_critical(heard: Heard) -> bool:
    return any(one.incident.severity is Severity.CRITICAL for one in heard.message.told)
