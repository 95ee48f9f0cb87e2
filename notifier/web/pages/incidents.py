"""`/incidents`: the list, open ones first, with a search and bulk acts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import cast, get_args

from notifier.domain.state import State
from notifier.oncall import bulk, incidents, search
from notifier.oncall.bulk import BulkAction
from notifier.oncall.errors import Unreadable
from notifier.oncall.inbox import inbox, inbox_by_service
from notifier.oncall.incidents import Sort, StateFilter
from notifier.oncall.paging import PageRequest as ListRequest
from notifier.web import parameters
from notifier.web.errors import sentence_of
from notifier.web.forms import Form
from notifier.web.pages.silences import silence_chosen
from notifier.web.views.act_end import end_of
from notifier.web.views.confirmation import ConfirmationView
from notifier.web.views.incidents import (
    MINE,
    IncidentsFilter,
    IncidentsPart,
    incidents_view,
    unreadable_view,
)
from notifier.web.visit import Redirect, Shown, Visit, address
from notifier.wording.text import counted, inline

SHOWN = 50
ACKNOWLEDGED_AT_LEAST = 10
"""The least number of acknowledged incidents listed below the last page of open ones."""
APART_AT_MOST = 40
SILENCED_AT_MOST = 100
SEARCHED_AT_MOST = 200
"""The number of acknowledged incidents that are searched for the reader's own."""
STATES = (*get_args(StateFilter), MINE)
SORTS = get_args(Sort)


async def list_incidents(visit: Visit) -> Shown:
    """Open and acknowledged incidents by default, most severe first."""
    return await _list(visit, _filter(visit.query))


async def _list(visit: Visit, filter_: IncidentsFilter, *, refusal: str | None = None) -> Shown:
    cursor = visit.query.get("cursor") or None
    apart = tuple(parameters.names(visit.query, "apart", APART_AT_MOST))
    try:
        parts = await _parts(visit, filter_, cursor, apart)
    except Unreadable as error:
        if error.path != "q":
            raise
        view = unreadable_view(filter_, sentence_of(error))
        return Shown(template="incidents", view=view, status=422)
    is_empty = not any(part.found and part.found.items for part in parts)
    is_new = filter_.is_plain and is_empty and not await _has_any(visit)
    view = incidents_view(
        parts,
        filter_=filter_,
        cursor=cursor,
        apart=apart,
        seen=_number(visit.query.get("seen")),
        is_new_project=is_new,
        refusal=refusal,
    )
    return Shown(template="incidents", view=view, status=200 if refusal is None else 422)


async def _parts(
    visit: Visit, filter_: IncidentsFilter, cursor: str | None, apart: Sequence[str]
) -> Sequence[IncidentsPart]:
    """Open incidents and, as far as there is room, acknowledged ones; or those in the chosen state."""
    ask = partial(
        inbox_by_service,
        visit.service.database,
        project=visit.project,
        q=filter_.q,
        sort=None if cursor else cast("Sort", filter_.sort or "severity"),
        page_request=ListRequest(limit=SHOWN, cursor=cursor),
        apart=apart,
    )
    match filter_.state:
        case "":
            opened = await ask(state=State.OPEN)
            taken = None
            if opened.next_cursor is None:
                room = ListRequest(limit=max(SHOWN - len(opened.items), ACKNOWLEDGED_AT_LEAST))
                sort = cast("Sort", filter_.sort or "severity")
                taken = await ask(state=State.ACKNOWLEDGED, sort=sort, page_request=room, apart=())
            shown = [IncidentsPart(heading="Open", state="", found=opened)]
            if taken is None or taken.items:
                state = State.ACKNOWLEDGED.value
                shown.append(IncidentsPart(heading="Acknowledged", state=state, found=taken))
            return shown
        case State.OPEN.value | State.ACKNOWLEDGED.value as state:
            found = await ask(state=State(state))
            return [IncidentsPart(heading=state.capitalize(), state=state, found=found)]
        case state:
            return [await _plain_part(visit, filter_, cursor, state)]


async def _plain_part(
    visit: Visit, filter_: IncidentsFilter, cursor: str | None, state: str
) -> IncidentsPart:
    """Resolved incidents, or the reader's own, with no service collapsed."""
    mine = state == MINE
    found = await inbox(
        visit.service.database,
        project=visit.project,
        state="acknowledged" if mine else cast("StateFilter", state),
        q=filter_.q,
        sort=None if cursor else cast("Sort", filter_.sort or "severity"),
        page_request=ListRequest(limit=SEARCHED_AT_MOST if mine else SHOWN, cursor=cursor),
        acknowledged_by=visit.actor().name if mine else None,
    )
    heading = "Acknowledged by you" if mine else state.capitalize()
    return IncidentsPart(heading=heading, state=state, found=found)


async def _has_any(visit: Visit) -> bool:
    page = await incidents.find(
        visit.service.database,
        project=visit.project,
        state=None,
        q=None,
        sort=None,
        page_request=ListRequest(limit=1),
        url=None,
    )
    return bool(page.items)


async def act_on_incidents(visit: Visit) -> Shown | Redirect:
    """Perform an act on the chosen incidents or on all matches; invalid input shows the list again."""
    filter_ = _filter(visit.form)
    service = parameters.named(visit.form, "every")
    try:
        if service is not None:
            return await _acknowledge_all(visit, filter_, service)
        return await _act_on(visit, filter_)
    except Unreadable as error:
        return await _list(visit, filter_, refusal=sentence_of(error))


async def _act_on(visit: Visit, filter_: IncidentsFilter) -> Shown | Redirect:
    """Perform the act, or ask for the confirmation that resolving needs."""
    form = visit.form
    name, ids, everything = form.get("act"), tuple(form.all("ids")), bool(form.get("all"))
    if not ids and not everything:
        raise Unreadable("ids", "choose at least one incident, and then press a button")
    if everything and filter_.all_of is None:
        raise Unreadable("all", "choose them one by one: a search acts on what is open or acknowledged")
    if len(ids) > bulk.MAX_INCIDENTS:
        raise Unreadable("ids", f"choose at most {bulk.MAX_INCIDENTS:,} incidents")
    if name == "silence":
        return await _silence(visit, filter_, () if everything else ids)
    act = _act(name, form, visit)
    database, actor = visit.service.database, visit.actor()
    state = State(filter_.state) if filter_.state in {"open", "acknowledged"} else None
    if name == "resolve" and not form.get("sure"):
        count = await bulk.count_matches(database, actor, filter_.q, state=state) if everything else len(ids)
        return Shown(template="confirmation", view=_confirmation(filter_, ids, count, everything=everything))
    if everything:
        outcome = await bulk.act_on_matches(
            database, actor, act, filter_.q, state=state, most=bulk.MAX_CONFIRMED
        )
    else:
        outcome = await bulk.act_on_named(database, actor, act, [id_[:128] for id_ in ids])
    counts = (outcome.done, len(outcome.skipped))
    return Redirect(path="/incidents", query=filter_.query, notice=f"bulk_{act.name}", counts=counts)


async def _silence(visit: Visit, filter_: IncidentsFilter, ids: Sequence[str]) -> Shown | Redirect:
    """The form of a silence for these incidents; without ids, for whatever meets the matchers of the search."""
    if not ids:
        terms = search.read(filter_.q)
        if terms.words:
            raise Unreadable(
                "all", "a silence matches labels, not words: choose incidents, or search by labels"
            )
        matchers = "\n".join(map(str, terms.matchers))
        return Redirect(path="/silences/new", query={"matchers": matchers})
    if len(ids) > SILENCED_AT_MOST:
        raise Unreadable("ids", f"choose at most {SILENCED_AT_MOST} incidents for a silence")
    names = [id_[:128] for id_ in ids]
    chosen = await incidents.get_all(visit.service.database, names, project_scope=visit.project)
    return await silence_chosen(visit, chosen)


async def _acknowledge_all(visit: Visit, filter_: IncidentsFilter, service: str) -> Shown | Redirect:
    """Acknowledge the open incidents of a service that match the search, after a confirmation."""
    meant = filter_.of_service(service)
    database, actor = visit.service.database, visit.actor()
    if not visit.form.get("sure"):
        count = await bulk.count_matches(database, actor, meant.q, state=State.OPEN)
        view = ConfirmationView(
            question=f"Acknowledge all {counted(count, 'open incident')} of {inline(service, 60)}?",
            sentences=(
                "Repeats and escalation stop for all of them, including those that the list does not show.",
            ),
            action="/incidents",
            fields=(("every", service), *filter_.asked),
            button="Yes, acknowledge all",
            back=address("", "/incidents", filter_.query),
        )
        return Shown(template="confirmation", view=view)
    outcome = await bulk.act_on_matches(
        database, actor, bulk.AcknowledgeAction(), meant.q, state=State.OPEN, most=bulk.MAX_CONFIRMED
    )
    counts = (outcome.done, len(outcome.skipped))
    return Redirect(path="/incidents", query=filter_.query, notice="bulk_acknowledge", counts=counts)


def _filter(form: Form) -> IncidentsFilter:
    """The filter in an address or a form."""
    state, sort = form.get("state"), form.get("sort")
    if state and state not in STATES:
        raise Unreadable("state", "choose one of the states that the page offers")
    if sort and sort not in SORTS:
        raise Unreadable("sort", "choose one of the orders that the page offers")
    return IncidentsFilter(q=form.get("q").strip(), state=state, sort=sort)


def _act(name: str, form: Form, visit: Visit) -> BulkAction:
    acts: Mapping[str, type[bulk.AcknowledgeAction | bulk.ResolveAction]] = {
        "acknowledge": bulk.AcknowledgeAction,
        "resolve": bulk.ResolveAction,
    }
    if name in acts:
        return acts[name]()
    until = end_of(form, visit.now)
    if name != "snooze" or until is None:
        raise Unreadable("act", "press one of the buttons that the page offers")
    return bulk.SnoozeAction(until=until)


def _confirmation(
    filter_: IncidentsFilter, ids: tuple[str, ...], count: int, *, everything: bool
) -> ConfirmationView:
    found = f"These are all incidents that the search finds: {inline(filter_.q, 300)}"
    chosen = (("all", "yes"),) if everything else tuple(("ids", id_) for id_ in ids)
    told = (
        "Everybody who was alerted is told that they are over. If a problem comes back, a new alert is sent."
    )
    return ConfirmationView(
        question=f"Resolve {counted(count, 'incident')}?",
        sentences=(found, told) if everything else (told,),
        action="/incidents",
        fields=(("act", "resolve"), *chosen, *filter_.asked),
        button="Yes, resolve",
        back=address("", "/incidents", filter_.query),
    )


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 19 else None
