"""Acts on one incident: each is a form's POST that redirects to the incident."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from notifier.domain.incident import Incident
from notifier.domain.state import State
from notifier.domain.time import rfc3339
from notifier.ingest.scrub import clean_text
from notifier.oncall import actions, deliveries, silences, task_runs
from notifier.oncall.errors import Refused, Unreadable
from notifier.oncall.silences import Draft
from notifier.web.pages.incident import (
    ask_silence_again,
    chosen_matchers,
    named_incident,
    preview_silence,
    show_refusal,
    to_incident,
)
from notifier.web.views.act_end import end_of
from notifier.web.views.confirmation import ConfirmationView
from notifier.web.visit import PageHandler, Redirect, Shown, Visit, address


def acts() -> Mapping[str, PageHandler]:
    """The handler of each act, by its name in the address."""
    return {name: partial(_perform, name) for name in _ACTS}


async def _perform(name: str, request: Visit) -> Shown | Redirect:
    """Perform the act and redirect. If it is refused, the incident's page is shown with the reason."""
    incident = await named_incident(request)
    if name == "silence" and request.form.get("preview"):
        return await preview_silence(request, incident)
    if name == "resolve" and incident.state is not State.RESOLVED and not request.form.get("sure"):
        return Shown(template="confirmation", view=_confirmation(incident))
    try:
        await _ACTS[name](request, incident)
    except (Refused, Unreadable) as error:
        if name == "silence":
            return await ask_silence_again(request, incident, error)
        return await show_refusal(request, error)
    return to_incident(incident, notice=name)


def _confirmation(incident: Incident) -> ConfirmationView:
    back = to_incident(incident)
    return ConfirmationView(
        question=f"Resolve incident {incident.number}?",
        sentences=(
            incident.title,
            "Everybody who was alerted is told that it is over. If the problem comes back, a new alert is sent.",
        ),
        action=f"{back.path}/resolve",
        fields=(("id", incident.id),),
        button="Yes, resolve",
        back=address("", back.path, back.query),
    )


async def _acknowledge(request: Visit, incident: Incident, *, take_over: bool = False) -> None:
    actor, until = request.actor(), end_of(request.form, request.now)
    await request.service.database.write(
        lambda tx: actions.acknowledge(tx, actor, incident.id, until=until, take_over=take_over)
    )


async def _snooze(request: Visit, incident: Incident) -> None:
    actor, until = request.actor(), end_of(request.form, request.now)
    if until is None:
        raise Unreadable("until", "say for how long")
    await request.service.database.write(lambda tx: actions.snooze(tx, actor, incident.id, until=until))


async def _unacknowledge(request: Visit, incident: Incident) -> None:
    actor = request.actor()
    await request.service.database.write(lambda tx: actions.unacknowledge(tx, actor, incident.id))


async def _unsnooze(request: Visit, incident: Incident) -> None:
    actor = request.actor()
    await request.service.database.write(lambda tx: actions.unsnooze(tx, actor, incident.id))


async def _resolve(request: Visit, incident: Incident) -> None:
    actor = request.actor()
    await request.service.database.write(lambda tx: actions.resolve(tx, actor, incident.id))


async def _reopen(request: Visit, incident: Incident) -> None:
    actor = request.actor()
    await request.service.database.write(lambda tx: actions.reopen(tx, actor, incident.id))


async def _note(request: Visit, incident: Incident) -> None:
    # Browsers send CRLF.
    actor, text = request.actor(), clean_text(request.form.get("text").replace("\r\n", "\n"))
    await request.service.database.write(lambda tx: actions.note(tx, actor, incident.id, text))


async def _silence(request: Visit, incident: Incident) -> None:
    """Silence incidents like this one, in its project."""
    until = end_of(request.form, request.now)
    if until is None:
        raise Unreadable("until", "say for how long")
    chosen = chosen_matchers(request.form)
    if not chosen:
        raise Unreadable("matcher", "choose at least one label that is alike")
    draft = Draft(
        matchers=chosen,
        ends_at=rfc3339(until),
        comment=clean_text(request.form.get("comment"))[: silences.COMMENT_CHARS],
    )
    actor = request.actor(project=incident.project)
    await request.service.database.write(lambda tx: silences.create(tx, actor, draft))


async def _redeliver(request: Visit, _: Incident) -> None:
    service = request.service
    await deliveries.redeliver(service.database, service.rules, request.form.get("delivery"), request.actor())


async def _replay(request: Visit, _: Incident) -> None:
    await task_runs.replay(request.service.database, request.form.get("run"), request.actor())


_ACTS: Mapping[str, Callable[[Visit, Incident], Awaitable[None]]] = {
    "acknowledge": _acknowledge,
    "take_over": partial(_acknowledge, take_over=True),
    "unacknowledge": _unacknowledge,
    "snooze": _snooze,
    "unsnooze": _unsnooze,
    "resolve": _resolve,
    "reopen": _reopen,
    "note": _note,
    "silence": _silence,
    "redeliver": _redeliver,
    "replay": _replay,
}
