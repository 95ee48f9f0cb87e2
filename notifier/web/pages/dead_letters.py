"""`/dead-letters`: dead letters, one by one or grouped by reason. Acts that cannot be undone ask for confirmation."""

from __future__ import annotations

from notifier.domain.delivery import Outcome
from notifier.oncall import dead_letters
from notifier.oncall.dead_letters import DecisionResult, Selection
from notifier.oncall.errors import Unreadable
from notifier.web import parameters
from notifier.web.forms import Form
from notifier.web.views.confirmation import ConfirmationView
from notifier.web.views.dead_letters import DecidedView, dead_letters_view, decided_view
from notifier.web.visit import Redirect, Shown, Visit, address
from notifier.wording.text import counted, inline

PATH = "/dead-letters"
CHOSEN_AT_MOST = 500
_NONE_CHOSEN = "Choose at least one dead letter, and then press a button."


async def list_dead_letters(request: Visit) -> Shown:
    """All dead letters, or one group."""
    return await _list(request, _chosen(request.query))


async def _list(request: Visit, chosen: Selection, *, refusal: str | None = None) -> Shown:
    database = request.service.database
    listing = await dead_letters.find(
        database,
        project=request.project,
        kind=None,
        channel=chosen.channel,
        outcome=chosen.outcome,
        task=chosen.task,
        page_request=parameters.page_of(request.query),
    )
    counts = await dead_letters.count(database, project=request.project)
    view = dead_letters_view(listing, counts, now=request.now, query=_query(chosen), refusal=refusal)
    return Shown(template="dead_letters", view=view, status=200 if refusal is None else 422)


async def redeliver_dead_letters(request: Visit) -> Shown | Redirect:
    """Send deliveries or run task runs again: one at once, several after a confirmation.

    The query of the address is the list's filter, before and after.
    """
    chosen, shown = _chosen(request.form), _chosen(request.query)
    if chosen.by_id and not chosen.ids:
        return await _list(request, shown, refusal=_NONE_CHOSEN)
    if not request.form.get("sure") and len(chosen.ids) != 1:
        return await _confirmation(request, chosen, shown, "redeliver", "Send {} again?", "Yes, send again")
    service = request.service
    decided = await dead_letters.redeliver(service.database, service.rules, request.actor(), chosen)
    return _decided(decided, shown, "redelivered", "sent again")


async def discard_dead_letters(request: Visit) -> Shown | Redirect:
    """Discard dead letters, after a confirmation."""
    chosen, shown = _chosen(request.form), _chosen(request.query)
    if chosen.by_id and not chosen.ids:
        return await _list(request, shown, refusal=_NONE_CHOSEN)
    if not request.form.get("sure"):
        return await _confirmation(request, chosen, shown, "discard", "Discard {} for good?", "Yes, discard")
    decided = await dead_letters.discard(request.service.database, request.actor(), chosen)
    return _decided(decided, shown, "discarded", "discarded")


def _chosen(form: Form) -> Selection:
    task = parameters.named(form, "task")
    channel, outcome = parameters.named(form, "channel"), parameters.choice(form, "outcome", Outcome)
    if task is not None and (channel or outcome):
        raise Unreadable("task", "a task has no channel: choose one of the two")
    return Selection(
        ids=parameters.names(form, "id", CHOSEN_AT_MOST), channel=channel, outcome=outcome, task=task
    )


def _query(chosen: Selection) -> dict[str, str]:
    given = {
        "channel": chosen.channel,
        "outcome": None if chosen.outcome is None else chosen.outcome.value,
        "task": chosen.task,
    }
    return {name: value for name, value in given.items() if value is not None}


async def _confirmation(
    request: Visit, chosen: Selection, shown: Selection, act: str, question: str, button: str
) -> Shown:
    group = _query(chosen)
    sentences: tuple[str, ...] = ()
    if chosen.by_id:
        what = counted(len(chosen.ids), "dead letter")
    else:
        count, whole = await _count(request, chosen)
        what = counted(count, "dead letter") if whole else f"at least {counted(count, 'dead letter')}"
        of = ", ".join(f"{name} {inline(value)}" for name, value in group.items())
        sentences = (f"Those of {of}, as they are when the button is pressed.",)
    view = ConfirmationView(
        question=question.format(what),
        sentences=sentences,
        action=address("", f"{PATH}/{act}", _query(shown)),
        fields=(*(("id", id_) for id_ in chosen.ids if chosen.by_id), *group.items()),
        button=button,
        back=address("", PATH, _query(shown)),
    )
    return Shown(template="confirmation", view=view)


async def _count(request: Visit, chosen: Selection) -> tuple[int, bool]:
    counts = await dead_letters.count(request.service.database, project=request.project)
    if chosen.task is not None:
        return sum(group.count for group in counts.runs if group.task == chosen.task), counts.whole
    return (
        sum(
            group.count
            for group in counts.deliveries
            if chosen.channel in {None, group.channel} and chosen.outcome in {None, group.outcome}
        ),
        counts.whole,
    )


def _decided(decided: DecisionResult, shown: Selection, notice: str, done: str) -> Shown | Redirect:
    if decided.skipped:
        view: DecidedView = decided_view(decided, done=done, back=address("", PATH, _query(shown)))
        return Shown(template="decided", view=view)
    return Redirect(path=PATH, query=_query(shown), notice=notice, counts=(decided.count,))
