"""The doors for PagerDuty's Events API v2: `/v2/enqueue` and `/v2/change/enqueue`. The routing key is the API key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from notifier.access.caller import Caller
from notifier.api.dependencies import actor_of
from notifier.api.doors.credentials import PresentedKey
from notifier.api.doors.door import EventsDoor, take
from notifier.api.doors.request import DoorAnswer, DoorRequest
from notifier.api.ingest import sentence_of
from notifier.api.problems import HttpProblem
from notifier.domain.event import Rejection
from notifier.ingest.formats.pagerduty import (
    MAX_BODY_BYTES,
    NAME,
    InvalidAlert,
    PagerDutyAlert,
    read_alert,
    read_change,
    routing_key,
)
from notifier.ingest.scrub import clean_text
from notifier.oncall import senders
from notifier.oncall.errors import Refused
from notifier.policy import fingerprint

ENVIRONMENT: Final = "production"
_STATUSES: Final = {401: 400, 403: 400, 415: 400, 422: 400}
"""Statuses replaced because its clients know only 202, 400, 413, 429 and 5xx."""


class PagerDutyDoor(EventsDoor):
    """The base of both calls. The routing key is in the body, which is read before authentication, up to 512 KiB."""

    name: Final = "pagerduty"
    key_in_body = True

    def own_key(self, request: DoorRequest) -> PresentedKey | None:
        try:
            secret = routing_key(request.body) if 0 < len(request.body) <= MAX_BODY_BYTES else None
        except InvalidAlert as error:
            raise _invalid(error) from None
        return None if secret is None else PresentedKey(secret)

    def refusal(self, problem: HttpProblem) -> DoorAnswer:
        """PagerDuty's form of a refusal: its clients retry after 429 and 5xx, and show the `errors` of a 400."""
        status = _STATUSES.get(problem.status, problem.status)
        busy = status == 429
        return _answered(
            status,
            status="throttle exceeded" if busy else "invalid event",
            message="Requests for this service are arriving too quickly"
            if busy
            else "Event object is invalid",
            errors=list(problem.more.get("errors", [problem.detail])),
            headers=problem.headers,
        )


class PagerDutyAlerts(PagerDutyDoor):
    """`POST /v2/enqueue`: trigger, acknowledge, resolve."""

    async def answer(self, request: DoorRequest, caller: Caller) -> DoorAnswer:
        try:
            alert = read_alert(_bounded(request), service=caller.service)
        except InvalidAlert as error:
            raise _invalid(error) from None
        message = "Event processed"
        if alert.action == "acknowledge":
            message = await self._acknowledge(alert, caller)
        else:
            taken = await take(self._runtime, caller, alert.read, NAME)
            [result] = taken.results
            if isinstance(result, Rejection):
                raise HttpProblem(413 if result.reason == "too_large" else 400, sentence_of(result))
        return _answered(202, status="success", message=message, dedup_key=alert.dedup_key)

    async def _acknowledge(self, alert: PagerDutyAlert, caller: Caller) -> str:
        """Acknowledge the incident, and return a sentence.

        It is no error if there is none: the client could do nothing.
        """
        actor = actor_of(caller, self._runtime)
        identity = fingerprint.compute(service="", message=None, exception=None, given=alert.fingerprint)
        try:
            found = await self._runtime.database.write(
                lambda tx: senders.acknowledge(tx, actor, environment=ENVIRONMENT, fingerprint=identity)
            )
        except Refused as refused:
            return f"Event processed, and nothing changed: {refused}"
        return "Event processed" if found else "Event processed, and nothing changed: it is not open"


class PagerDutyChanges(PagerDutyDoor):
    """`POST /v2/change/enqueue`: changes are kept in the audit trail."""

    async def answer(self, request: DoorRequest, caller: Caller) -> DoorAnswer:
        try:
            change = read_change(_bounded(request), service=caller.service)
        except InvalidAlert as error:
            raise _invalid(error) from None
        actor = actor_of(caller, self._runtime)
        service, summary = clean_text(change.service)[:256], clean_text(change.summary)
        await self._runtime.database.write(
            lambda tx: senders.record_change(tx, actor, service=service, summary=summary)
        )
        return _answered(202, status="success", message="Change event processed")


def _bounded(request: DoorRequest) -> bytes:
    if len(request.body) > MAX_BODY_BYTES:
        raise HttpProblem(413, f"the body is over {MAX_BODY_BYTES} bytes: send less")
    return request.body


def _invalid(error: InvalidAlert) -> HttpProblem:
    return HttpProblem(400, "the event is invalid", more={"errors": list(error.errors)})


def _answered(code: int, headers: Mapping[str, str] | None = None, **body: Any) -> DoorAnswer:
    return DoorAnswer(status=code, body=msgspec.json.encode(body), headers=headers or {})
