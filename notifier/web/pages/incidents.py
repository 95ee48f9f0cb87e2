"""`/incidents`: open ones first, a search, and acts on several at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast, get_args

from notifier.domain.state import State
from notifier.oncall import bulk, incidents
from notifier.oncall.bulk import Act
from notifier.oncall.errors import Unreadable
from notifier.oncall.inbox import inbox
from notifier.oncall.incidents import Sort, StateFilter
from notifier.oncall.paging import PageRequest as ListRequest
from notifier.web.errors import sentence_of
from notifier.web.forms import Form
from notifier.web.views.incidents import MINE, IncidentsFilter, incidents_view, unreadable_view
from notifier.web.views.lasting import until_of
from notifier.web.views.sure import SureView
from notifier.web.visit import Redirect, Shown, Visit, address
from notifier.wording.text import counted

SHOWN = 50
LOOKED_THROUGH = 200
"""Of those that somebody has acknowledged, to find one's own."""
STATES = (*get_args(StateFilter), MINE)
SORTS = get_args(Sort)


async def list_incidents(visit: Visit) -> Shown:
    """Open and acknowledged ones unless the address asks for others, the worst first."""
    return await _list(visit, _filter(visit.query))


async def _list(visit: Visit, filter_: IncidentsFilter, *, refusal: str | None = None) -> Shown:
    cursor = visit.query.get("cursor") or None
    mine = filter_.state == MINE
    try:
        found = await inbox(
            visit.service.database,
            project=visit.project,
            state="acknowledged" if mine else cast("StateFilter", filter_.state or "unresolved"),
            q=filter_.q,
            sort=None if cursor else cast("Sort", filter_.sort or "severity"),
            page_request=ListRequest(limit=LOOKED_THROUGH if mine else SHOWN, cursor=cursor),
            acknowledged_by=visit.actor().name if mine else None,
        )
    except Unreadable as error:
        if error.path != "q":
            raise
        view = unreadable_view(filter_, sentence_of(error), now=visit.now)
        return Shown(template="incidents", view=view, status=422)
    is_new = filter_.is_plain and not found.items and not await _has_any(visit)
    seen = _number(visit.query.get("seen"))
    view = incidents_view(
        found, filter_=filter_, cursor=cursor, seen=seen, is_new_project=is_new, refusal=refusal
    )
    return Shown(template="incidents", view=view, status=200 if refusal is None else 422)


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
    """One act on those that are chosen, or on all that the search finds; the list again where that makes no sense."""
    filter_ = _filter(visit.form)
    try:
        return await _act_on(visit, filter_)
    except Unreadable as error:
        return await _list(visit, filter_, refusal=sentence_of(error))


async def _act_on(visit: Visit, filter_: IncidentsFilter) -> Shown | Redirect:
    """The act, or the question before it: resolving asks first."""
    form = visit.form
    name, ids, everything = form.get("act"), tuple(form.all("ids")), bool(form.get("all"))
    act = _act(name, form, visit)
    if not ids and not everything:
        raise Unreadable("ids", "choose at least one incident, and then press a button")
    if everything and filter_.all_of is None:
        raise Unreadable("all", "choose them one by one: a search acts on what is open or acknowledged")
    if len(ids) > bulk.AT_MOST:
        raise Unreadable("ids", f"choose at most {bulk.AT_MOST:,} incidents")
    if name == "resolve" and not form.get("sure"):
        return Shown(template="sure", view=_sure(filter_, ids, everything=everything))
    database, actor = visit.service.database, visit.actor()
    if everything:
        state = State(filter_.state) if filter_.state in {"open", "acknowledged"} else None
        outcome = await bulk.on_found(database, actor, act, filter_.q, state=state)
    else:
        outcome = await bulk.on_named(database, actor, act, [id_[:128] for id_ in ids])
    counts = (outcome.done, len(outcome.skipped))
    return Redirect(path="/incidents", query=filter_.query, notice="bulk", counts=counts)


def _filter(form: Form) -> IncidentsFilter:
    """The state, order and search that an address or a form asks for."""
    state, sort = form.get("state"), form.get("sort")
    if state and state not in STATES:
        raise Unreadable("state", "choose one of the states that the page offers")
    if sort and sort not in SORTS:
        raise Unreadable("sort", "choose one of the orders that the page offers")
    return IncidentsFilter(q=form.get("q").strip(), state=state, sort=sort)


def _act(name: str, form: Form, visit: Visit) -> Act:
    acts: Mapping[str, type[bulk.AcknowledgeAct | bulk.ResolveAct]] = {
        "acknowledge": bulk.AcknowledgeAct,
        "resolve": bulk.ResolveAct,
    }
    if name in acts:
        return acts[name]()
    until = until_of(form, visit.now)
    if name != "snooze" or until is None:
        raise Unreadable("act", "press one of the buttons that the page offers")
    return bulk.SnoozeAct(until=until)


def _sure(filter_: IncidentsFilter, ids: tuple[str, ...], *, everything: bool) -> SureView:
    what = "all that the search finds" if everything else counted(len(ids), "incident")
    chosen = (("all", "yes"),) if everything else tuple(("ids", id_) for id_ in ids)
    asked = tuple((name, value) for name, value in filter_.query.items() if value is not None)
    return SureView(
        question=f"Resolve {what}?",
        sentences=("Whoever was told of them hears that they are over. What comes back is told anew.",),
        action="/incidents",
        fields=(("act", "resolve"), *chosen, *asked),
        button="Yes, resolve",
        back=address("", "/incidents", filter_.query),
    )


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 19 else None
