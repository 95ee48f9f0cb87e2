"""The pages behind the links in mails."""

from __future__ import annotations

from notifier import wording
from notifier.domain.incident import Incident
from notifier.domain.state import State
from notifier.oncall.mail_links import Offer
from notifier.web.page import HtmlPage

_BUTTONS = {"acknowledge": "Acknowledge", "snooze": "Snooze for 4 hours", "resolve": "Resolve"}
_MEANS = {
    "acknowledge": "Repeats and escalation stop, and whoever was told of it hears that you have taken it on.",
    "snooze": "For 4 hours nothing is told of it, unless it is resolved. If it is open then, it is told once more.",
    "resolve": "It is over, and everybody who was alerted is told. If the problem comes back, it is told anew.",
}
_DONE = {
    "acknowledge": "You have acknowledged it",
    "snooze": "You have snoozed it for 4 hours",
    "resolve": "You have resolved it",
}

UNKNOWN = HtmlPage(
    status=404,
    title="Unknown link",
    heading="There is no such link",
    text=(
        "It may have been cut off on its way here: copy the whole address from the mail. Old links are forgotten.",
        "Without a link, `notifier incidents` lists the incidents, and acts on them.",
    ),
)
WRONG_METHOD = HtmlPage(
    status=405,
    title="Unknown method",
    heading="This page is opened, and its button pressed",
    text=("Other methods do nothing here.",),
    headers={"allow": "GET, HEAD, POST"},
)
TOO_LARGE = HtmlPage(
    status=413,
    title="Too large",
    heading="Nothing has been done",
    text=("More was sent than the button sends: open the link again, and press the button.",),
)
INCOMPLETE = HtmlPage(
    status=400,
    title="Incomplete",
    heading="Nothing has been done",
    text=("What the button sends did not come whole: open the link again, and press the button.",),
)
UNAVAILABLE = HtmlPage(
    status=503,
    title="Try again",
    heading="The service cannot answer just now",
    text=("Its database does not answer. The link stays good: try it again in a moment.",),
    headers={"retry-after": "2"},
)


def question(offer: Offer) -> HtmlPage:
    """The page before the act: a description with a button, or why there is nothing to do."""
    if offer.expired:
        return _expired(offer)
    if offer.spent_at is not None:
        used = f"This link was used, {wording.moment(offer.spent_at)}: each works once."
        return _about(offer, "Nothing was done to", (used, _instead(offer)), status=410)
    nothing_left = _nothing_left(offer)
    if nothing_left is not None:
        return _about(offer, "Nothing to do for", (nothing_left,))
    as_whom = f"You act as {wording.inline(offer.recipient)}. Nothing has been done yet."
    return _about(offer, _verb(offer), (_MEANS[offer.action], as_whom), button=_BUTTONS[offer.action])


def done(offer: Offer) -> HtmlPage:
    text = (f"{_DONE[offer.action]}, as {wording.inline(offer.recipient)}.", "You can close this page.")
    return _about(offer, "Done:", text)


def refused(offer: Offer, sentence: str) -> HtmlPage:
    """The page of a refused act: someone else acted first, or the state has changed since the mail."""
    text = (f"{sentence[:1].upper()}{sentence[1:]}.", "Nothing has been changed by this link.")
    return _about(offer, "Too late for", text, status=409)


def _expired(offer: Offer) -> HtmlPage:
    """The page of an expired link. Old mails are widely forwarded, so it shows the incident's number only."""
    return HtmlPage(
        status=410,
        title="Expired link",
        kicker=f"Nothing was done to incident {offer.incident.number}",
        heading="This link has expired",
        text=("Links in mails work for 7 days.", _instead(offer)),
    )


def _instead(offer: Offer) -> str:
    number = offer.incident.number
    return (
        "A newer mail about the incident has new links. Or, on the command line: "
        f"`notifier incidents show {number}`, and `notifier incidents {offer.action} {number}`."
    )


def _about(
    offer: Offer, doing: str, text: tuple[str, ...], *, status: int = 200, button: str | None = None
) -> HtmlPage:
    kicker = f"{doing} incident {offer.incident.number}"
    return HtmlPage(
        status=status,
        title=kicker,
        kicker=kicker,
        heading=wording.plain(offer.incident.title, wording.TITLE) or "(no title)",
        facts=_facts(offer.incident),
        text=text,
        button=button,
    )


def _verb(offer: Offer) -> str:
    return offer.action.capitalize()


def _facts(incident: Incident) -> tuple[tuple[str, str], ...]:
    times = "time" if incident.count == 1 else "times"
    seen = f"{wording.number(incident.count)} {times}, since {wording.moment(incident.first_seen)}"
    return (
        ("state", _state(incident)),
        ("severity", incident.severity.value),
        *wording.where(incident),
        ("seen", seen),
    )


def _state(incident: Incident) -> str:
    if incident.state is State.ACKNOWLEDGED and incident.acknowledged_by:
        return f"acknowledged by {wording.inline(incident.acknowledged_by, 60)}"
    if incident.state is State.RESOLVED and incident.resolved_at is not None:
        return f"resolved, {wording.moment(incident.resolved_at)}"
    return incident.state.value


def _nothing_left(offer: Offer) -> str | None:
    """A sentence if the incident is already in the state that the link leads to, else None."""
    if offer.incident.state is State.RESOLVED:
        return "It is resolved already, so that there is nothing to do."
    if offer.action == "acknowledge" and offer.incident.state is State.ACKNOWLEDGED:
        return f"It is {_state(offer.incident)} already, so that there is nothing to do."
    return None
