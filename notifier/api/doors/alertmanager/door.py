"""The shared parts of the calls of Alertmanager's API: errors as JSON strings, parameters, filters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from notifier.access.caller import Caller
from notifier.api.doors.door import EventsDoor
from notifier.api.doors.request import DoorAnswer, DoorRequest
from notifier.api.problems import HttpProblem
from notifier.domain.key import Scope
from notifier.domain.matcher import Matcher, parse_all
from notifier.ingest.scrub import scrub_matcher
from notifier.runtime.service import Runtime

Call = Callable[[Runtime, DoorRequest, Caller], Awaitable[DoorAnswer]]

FILTERS: Final = 50


class AlertmanagerDoor(EventsDoor):
    """A call, with the scope that it needs."""

    name: Final = "prometheus"

    def __init__(self, runtime: Runtime, scope: Scope, call: Call) -> None:
        super().__init__(runtime)
        self._scope = scope
        self._call = call

    def scope(self, _: DoorRequest) -> Scope:
        return self._scope

    async def answer(self, request: DoorRequest, caller: Caller) -> DoorAnswer:
        return await self._call(self._runtime, request, caller)

    def refusal(self, problem: HttpProblem) -> DoorAnswer:
        """The sentence as a JSON string, which amtool and Prometheus show. Invalid input is 400 here."""
        status = 400 if problem.status == 422 else problem.status
        return DoorAnswer(status=status, body=msgspec.json.encode(problem.detail), headers=problem.headers)


def as_json(document: Any) -> DoorAnswer:
    """A JSON answer that is not cached."""
    return DoorAnswer(status=200, body=msgspec.json.encode(document), headers={"cache-control": "no-store"})


def filters(request: DoorRequest) -> tuple[Matcher, ...]:
    """The matchers of every `filter` parameter. `HttpProblem` is raised if one is invalid."""
    texts = [value for name, value in request.parameters if name == "filter" and value.strip()]
    if len(texts) > FILTERS:
        raise HttpProblem(400, f"more than {FILTERS} filters: send fewer")
    matchers: list[Matcher] = []
    for position, text in enumerate(texts):
        try:
            matchers += map(scrub_matcher, parse_all(text))
        except ValueError as error:
            raise HttpProblem(400, f"filter {position}: {error}") from None
    return tuple(matchers)


def matches_all(matchers: Sequence[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether labels match all filters. A missing label has an empty value, as in Alertmanager."""
    return all(matcher.matches(labels) for matcher in matchers)


def flag(request: DoorRequest, name: str) -> bool:
    """A boolean parameter that is true by default."""
    value = request.query.get(name, "true")
    if value not in {"true", "false"}:
        raise HttpProblem(400, f"{name}: expected true or false")
    return value == "true"
