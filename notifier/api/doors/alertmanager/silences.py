"""Silences in Alertmanager's form, under the ids that notifier gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from notifier.access.caller import Caller
from notifier.api.dependencies import actor_of
from notifier.api.doors.alertmanager.door import as_json, filters, matches_all
from notifier.api.doors.request import DoorAnswer, DoorRequest
from notifier.api.problems import HttpProblem
from notifier.domain.matcher import Matcher, Op
from notifier.domain.severity import Severity
from notifier.domain.silence import Silence
from notifier.domain.time import YEAR, Instant, rfc3339
from notifier.ingest import sanitise
from notifier.ingest.fields import InvalidField, is_text
from notifier.ingest.formats.prometheus.alert import time_in
from notifier.ingest.formats.prometheus.event import EXPORTED
from notifier.ingest.scrub import clean_text, scrub_matcher
from notifier.oncall import alerts, silences
from notifier.oncall.silences import COMMENT_CHARS, MAX_MATCHERS, Draft
from notifier.policy import muting
from notifier.runtime.service import Runtime

AUTHOR_CHARS: Final = 200
_OPS: Final[Mapping[tuple[bool, bool], Op]] = {
    (False, True): "=",
    (False, False): "!=",
    (True, True): "=~",
    (True, False): "!~",
}
_SEVERITIES: Final = tuple({"severity": severity.value} for severity in Severity)


async def find(runtime: Runtime, request: DoorRequest, caller: Caller) -> DoorAnswer:
    """The silences of the key's project that match the filters, by the values in their matchers."""
    matchers, now = filters(request), runtime.database.now()
    found = await alerts.find_silences(runtime.database, caller.project)
    shown = [_document(silence, now) for silence in found]
    return as_json(
        [
            silence
            for silence in shown
            if matches_all(matchers, {each["name"]: each["value"] for each in silence["matchers"]})
        ]
    )


async def get(runtime: Runtime, request: DoorRequest, caller: Caller) -> DoorAnswer:
    """One silence."""
    status = await silences.get(runtime.database, request.path["id"], project_scope=caller.project)
    return as_json(_document(status.silence, runtime.database.now()))


async def post(runtime: Runtime, request: DoorRequest, caller: Caller) -> DoorAnswer:
    """Create a silence, or change the one with the given id; an expired one is created again."""
    document = _object(request.body)
    draft = _draft(document, caller.project, runtime.database.now())
    actor = actor_of(caller, runtime, draft.author)
    id_ = _text(document, "id", AUTHOR_CHARS)
    return as_json({"silenceID": await alerts.save_silence(runtime.database, actor, id_, draft)})


async def delete(runtime: Runtime, request: DoorRequest, caller: Caller) -> DoorAnswer:
    """End a silence now."""
    actor = actor_of(caller, runtime)
    await runtime.database.write(lambda tx: silences.end(tx, actor, request.path["id"]))
    return DoorAnswer(status=200)


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        document = sanitise.read(body)
    except sanitise.UnreadableJson as error:
        raise HttpProblem(400, str(error)) from None
    if not isinstance(document, dict):
        raise HttpProblem(400, "a silence is a JSON object")
    return document


def _draft(document: Mapping[str, Any], project: str, now: Instant) -> Draft:
    matchers = document.get("matchers")
    if not isinstance(matchers, list) or not 1 <= len(matchers) <= MAX_MATCHERS:
        raise HttpProblem(400, f"matchers: expected a list of 1 to {MAX_MATCHERS}")
    ends_at = _moment(document, "endsAt")
    if ends_at is None:
        raise HttpProblem(400, "endsAt: a silence ends: say when")
    # As in Alertmanager, a silence cannot start in the past.
    starts_at = max(_moment(document, "startsAt") or now, now)
    return Draft(
        matchers=[str(_matcher(position, each, project)) for position, each in enumerate(matchers)],
        starts_at=rfc3339(starts_at),
        ends_at=rfc3339(ends_at),
        author=_text(document, "createdBy", AUTHOR_CHARS),
        comment=_text(document, "comment", COMMENT_CHARS),
    )


def _matcher(position: int, document: Any, project: str) -> Matcher:
    def fault(sentence: str) -> HttpProblem:
        return HttpProblem(400, f"matchers[{position}]: {sentence}")

    if not isinstance(document, dict):
        raise fault("expected an object with name, value, isRegex and isEqual")
    name, value = document.get("name"), document.get("value", "")
    regex, equal = document.get("isRegex", False), document.get("isEqual", True)
    if not is_text(name) or not name or not is_text(value):
        raise fault("name and value are strings, and the name is not empty")
    if not isinstance(regex, bool) or not isinstance(equal, bool):
        raise fault("isRegex and isEqual are true or false")
    try:
        return _own_matcher(scrub_matcher(Matcher(name=name, op=_OPS[regex, equal], value=value)), project)
    except ValueError as error:
        raise fault(str(error)) from None


def _own_matcher(matcher: Matcher, project: str) -> Matcher:
    """The matcher on notifier's labels: the sender's severity and project labels are stored under other names."""
    verdicts = {matcher.matches(severity) for severity in _SEVERITIES}
    own_severity = matcher.name == "severity" and verdicts == {matcher.op in {"!=", "!~"}}
    own_project = matcher.name == "project" and matcher.matches({"project": project}) == (
        matcher.op in {"!=", "!~"}
    )
    if own_severity or own_project:
        return Matcher(name=EXPORTED + matcher.name, op=matcher.op, value=matcher.value)
    return matcher


def _text(document: Mapping[str, Any], name: str, most: int) -> str:
    text = document.get(name) or ""
    if not is_text(text) or len(text) > most:
        raise HttpProblem(400, f"{name}: expected a string of at most {most} characters")
    return clean_text(text)


def _moment(document: Mapping[str, Any], name: str) -> Instant | None:
    try:
        return time_in(document, name)
    except InvalidField as error:
        raise HttpProblem(400, f"{error.path}: {error.message}") from None


def _document(silence: Silence, now: Instant) -> dict[str, Any]:
    ends_at = now + YEAR if silence.ends_at is None else silence.ends_at
    return {
        "id": silence.id,
        "status": {"state": muting.phase(silence, now)},
        "updatedAt": rfc3339(silence.created_at),
        "comment": silence.comment,
        "createdBy": silence.author,
        "startsAt": rfc3339(silence.starts_at),
        "endsAt": rfc3339(ends_at),
        "matchers": [_alertmanager_matcher(matcher) for matcher in silence.matchers],
    }


def _alertmanager_matcher(matcher: Matcher) -> dict[str, Any]:
    taken = (EXPORTED + "severity", EXPORTED + "project")
    return {
        "name": matcher.name.removeprefix(EXPORTED) if matcher.name in taken else matcher.name,
        "value": matcher.value,
        "isRegex": matcher.op in {"=~", "!~"},
        "isEqual": matcher.op in {"=", "=~"},
    }
