"""The door of what knows an Alertmanager: Prometheus, amtool and others, under `/api/v2`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from notifier.access.caller import Caller
from notifier.api.doors.credentials import PresentedKey
from notifier.api.doors.door import CODINGS
from notifier.api.doors.request import DoorAnswer, DoorRequest
from notifier.api.ingest import try_again
from notifier.api.problems import HttpProblem
from notifier.domain.key import Scope
from notifier.ingest.alerts import TakenAlerts
from notifier.ingest.batch import Malformed
from notifier.ingest.formats.prometheus.alert import read_alerts
from notifier.runtime.service import Runtime

Call = Callable[[Runtime, DoorRequest, Caller], Awaitable[DoorAnswer]]

FAULTS_SHOWN: Final = 10


class PrometheusDoor:
    """One call of the Alertmanager's API, and the scope that it needs."""

    name: Final = "prometheus"
    codings = CODINGS
    key_in_body = False

    def __init__(self, runtime: Runtime, scope: Scope, call: Call) -> None:
        self._runtime = runtime
        self._scope = scope
        self._call = call

    def scope(self, _: DoorRequest) -> Scope:
        return self._scope

    def own_key(self, _: DoorRequest) -> PresentedKey | None:
        return None

    async def answer(self, request: DoorRequest, caller: Caller) -> DoorAnswer:
        return await self._call(self._runtime, request, caller)

    def refusal(self, problem: HttpProblem) -> DoorAnswer:
        """The sentence as a JSON string: amtool and Prometheus show it. What is not valid is 400 here."""
        status = 400 if problem.status == 422 else problem.status
        return DoorAnswer(status=status, body=msgspec.json.encode(problem.detail), headers=problem.headers)


def calls(runtime: Runtime) -> Sequence[tuple[str, str, PrometheusDoor]]:
    """The calls: method, path, door."""
    known: Mapping[tuple[str, str], tuple[Scope, Call]] = {
        ("POST", "/api/v2/alerts"): ("ingest", post_alerts),
    }
    return [
        (method, path, PrometheusDoor(runtime, scope, call))
        for (method, path), (scope, call) in known.items()
    ]


def as_json(document: Any) -> DoorAnswer:
    return DoorAnswer(status=200, body=msgspec.json.encode(document))


async def post_alerts(runtime: Runtime, request: DoorRequest, caller: Caller) -> DoorAnswer:
    """Take alerts. The good ones of a list are kept where others are not, and then the answer is 400."""
    try:
        posted = read_alerts(request.body)
    except Malformed as error:
        raise HttpProblem(413 if error.reason == "too_many" else 400, error.message) from None
    taken = await runtime.alerts.take(caller, posted.alerts, service=caller.service)
    if not isinstance(taken, TakenAlerts):
        raise try_again(taken)
    faults = [*posted.faults, *taken.faults]
    if faults:
        more = f"; and {len(faults) - FAULTS_SHOWN} more" if len(faults) > FAULTS_SHOWN else ""
        raise HttpProblem(400, "; ".join(faults[:FAULTS_SHOWN]) + more)
    return DoorAnswer(status=200)
