"""A rendered message, the same for all channels that people read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo

from notifier.domain.incident import Incident
from notifier.domain.message import ActionLink, Message, Told, by_weight
from notifier.domain.notification import Reason
from notifier.domain.state import State
from notifier.domain.value import replace
from notifier.wording import blocks, evidence, subjects
from notifier.wording.blocks import ACTIONS, IncidentBlock, Pairs
from notifier.wording.evidence import Link
from notifier.wording.reasons import NOBODY, REASONS, by_reason, owners, standing, state, why
from notifier.wording.text import NOTE, TITLE, counted, inline, number, sentence
from notifier.wording.times import Moment, with_age

FULL = 5
"""The number of incidents in full. Further ones get one line each, and the rest is a number."""

# The label of a group that holds one problem: an incident, and those that the problem opens later.
PER_INCIDENT_LABEL = "incident"
_SCOPE_LABELS = frozenset({"service", "environment"})
_SHOWN_ELSEWHERE = _SCOPE_LABELS | {PER_INCIDENT_LABEL}
# Reasons whose message consists of its note, which then comes first.
_ABOUT_THE_NOTE = frozenset({Reason.DIGEST, Reason.FALLBACK, Reason.SYSTEM, Reason.TEST})


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """A reader's preferences."""

    zone: tzinfo = UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedMessage:
    """A whole message in words. The order of the fields is that of the message.

    `severity` is the highest that is unresolved, empty if there is no incident. `standing` is the state of the whole
    episode if it has several incidents. `since` is the first sighting, `owner` who has acknowledged. `note_first`
    puts the note above everything. `links` are the senders', `labels` those that all incidents share. `blocks` are
    shown in full, `brief` in a line each, and `more` is a number. `footer` are the closing lines. `whole` is a label
    and the address of a page with everything, if there are several incidents.
    """

    scope: str
    subject: str
    severity: str
    resolved: bool
    headline: str
    standing: str | None
    note: str | None
    note_first: bool
    links: tuple[Link, ...]
    why: str
    since: Moment | None
    owner: str | None
    labels: Pairs
    blocks: tuple[IncidentBlock, ...]
    brief: tuple[IncidentBlock, ...]
    more: str | None
    several: bool
    footer: tuple[str, ...]
    url: str | None
    whole: tuple[str, str] | None = None

    @property
    def marked(self) -> str:
        """The headline with its severity, for a channel without subjects."""
        return f"{self.severity} · {self.headline}" if self.severity else self.headline

    @property
    def summary(self) -> str:
        """The whole message in one line, for a phone."""
        return (
            self.marked if self.several or not self.blocks else sentence(f"[{self.scope}] {self.marked}", 300)
        )

    @property
    def heading(self) -> tuple[str, ...]:
        """The first lines below a subject. The state comes first, because the subject never says it.

        If everything is resolved the severity comes last, so that it does not read like a new alarm.
        """
        if self.severity and not self.several:
            first = f"{self.headline} · {self.severity} in {self.scope}"
        elif self.severity and self.resolved and self.more is None:
            first = f"{self.headline} · {self.severity}"
        else:
            first = self.marked
        return (first,) if self.standing is None else (first, self.standing)


def render(message: Message, options: RenderOptions | None = None) -> RenderedMessage:
    zone = (options or RenderOptions()).zone
    message = replace(message, told=by_weight(message.told))
    incident_blocks = [blocks.block(told, message.at, zone, _actions(message, told)) for told in message.told]
    several = len(message.told) + message.more > 1
    common, owner = _common(message, incident_blocks), _owner(message, incident_blocks)
    if several and owner == NOBODY:
        # Said once, for all of them.
        incident_blocks = [replace(block, owner=None) for block in incident_blocks]
    first = headline(message, zone)
    url = next((block.url for block in incident_blocks if block.url), None)
    note = None if message.reason is Reason.DIGEST else sentence(message.note or "", NOTE) or None
    return RenderedMessage(
        scope=subjects.scope(message),
        subject=subjects.subject(message),
        severity=subjects.worst(message) or "",
        resolved=subjects.is_resolved(message),
        headline=first,
        standing=None if message.standing is None else standing(message.standing),
        note=note,
        note_first=message.reason in _ABOUT_THE_NOTE,
        links=tuple(_links(incident_blocks)),
        why=why(message),
        since=_first(message, zone),
        owner=owner,
        labels=tuple(pair for pair in common if several and pair[0] not in _SHOWN_ELSEWHERE),
        blocks=tuple(_without_shared(common, block) for block in incident_blocks[:FULL]),
        brief=tuple(incident_blocks[FULL:]),
        more=f"and {counted(message.more, 'more incident')}" if message.more else None,
        several=several,
        footer=footer(message),
        url=url,
        whole=_overview(message, url) if several and url is not None else None,
    )


def headline(message: Message, zone: tzinfo = UTC) -> str:
    """The incident with its state, or the numbers and the place of several. The severity is added by the caller."""
    if message.reason is Reason.DIGEST and message.note:
        return sentence(f"Digest: {subjects.figures(message.note)}", NOTE)
    if not message.told:
        return sentence(f"{REASONS[message.reason]}: {subjects.scope(message)}")
    if len(message.told) + message.more == 1 or has_one_identity(message):
        told = message.told[0]
        title = inline(told.incident.title, 2 * TITLE)
        return sentence(f"{state(told, message.at, zone)}: {title}", 2 * TITLE)
    counts = by_reason(message.totals)
    where = f"{subjects.scope(message)}, {counts}" if counts else subjects.scope(message)
    return sentence(f"{where}: {figures(message)}", 2 * TITLE)


def has_one_identity(message: Message) -> bool:
    """Whether the group holds one problem, whose incidents follow each other."""
    return PER_INCIDENT_LABEL in message.labels and not message.more


def figures(message: Message) -> str:
    """`2,000 events, 40 causes; biggest: TimeoutError in charge (222)`."""
    incidents = [told.incident for told in message.told]
    # A problem that was resolved and came back has two incidents, but one cause.
    came_back = {incident.previous_id for incident in incidents}
    causes = sum(incident.id not in came_back for incident in incidents) + message.more
    events = message.events or (0 if message.more else sum(incident.count for incident in incidents))
    parts = [counted(events, "event")] if events else []
    parts.append(f"{counted(causes, 'cause')}{'' if message.more else _severities(incidents)}")
    first = incidents[0]
    most = max(message.most_events, *(incident.count for incident in incidents))
    lead = "biggest" if first.count == most else "worst"
    return f"{', '.join(parts)}; {lead}: {evidence.short_name(first)} ({number(first.count)})"


def footer(message: Message) -> tuple[str, ...]:
    """The closing lines: what was only counted, a possible repeat, and a warning about links that act."""
    lines: list[str] = []
    if message.suppressed:
        alone = message.suppressed == 1
        events = f"{counted(message.suppressed, 'further event')} {'is' if alone else 'are'}"
        without = "a separate message" if alone else "separate messages"
        lines.append(f"{events} included in the numbers above, without {without}")
    if message.actions:
        lines.append("Action links ask for confirmation, then act once in your name: do not forward them")
    if message.possible_repeat:
        lines.append("Possible repeat: an earlier attempt may have arrived")
    return tuple(lines)


def _severities(incidents: Sequence[Incident]) -> str:
    """` (1 critical, 37 warning)`; empty if all severities are equal."""
    counts = Counter(incident.severity.value for incident in incidents)
    return f" ({', '.join(f'{number(n)} {name}' for name, n in counts.items())})" if len(counts) > 1 else ""


def _common(message: Message, incident_blocks: Sequence[IncidentBlock]) -> Pairs:
    """Labels that all incidents share. If some incidents are not shown, only the group's labels are certain."""
    if len(incident_blocks) == 1 and not message.more:
        return tuple(pair for pair in incident_blocks[0].where if pair[0] in _SCOPE_LABELS)
    if message.more:
        return tuple((name, inline(value, 100)) for name, value in message.labels.items())
    return tuple(blocks.shared([dict((*block.where, *block.labels)) for block in incident_blocks]).items())


def _without_shared(common: Pairs, block: IncidentBlock) -> IncidentBlock:
    where, labels = (
        tuple(pair for pair in pairs if pair not in common) for pairs in (block.where, block.labels)
    )
    return replace(block, where=where, labels=labels)


def _owner(message: Message, incident_blocks: Sequence[IncidentBlock]) -> str | None:
    if len(incident_blocks) == 1 and not message.more:
        return incident_blocks[0].owner
    return None if message.standing is None else owners(message.standing)


def _first(message: Message, zone: tzinfo) -> Moment | None:
    """The first sighting of the shown incidents, of unresolved ones if there are any."""
    incidents = [told.incident for told in message.told]
    unresolved = [incident for incident in incidents if incident.state is not State.RESOLVED] or incidents
    at = min((incident.first_seen for incident in unresolved), default=None)
    return None if at is None else with_age(at, message.at, zone)


def _links(incident_blocks: Iterable[IncidentBlock]) -> list[Link]:
    """The senders' links, without duplicates. Links with equal labels are marked, to show their paths too."""
    first_of_url = {link.url: link for block in incident_blocks for link in reversed(block.evidence.links)}
    ordered = [
        link for block in incident_blocks for link in block.evidence.links if first_of_url.pop(link.url, None)
    ]
    links = ordered[: evidence.LINKS]
    labels = Counter(link.label for link in links)
    return [replace(link, shared=True) if labels[link.label] > 1 else link for link in links]


def _overview(message: Message, url: str) -> tuple[str, str] | None:
    """The page of the group, or the list for a digest. Its base is that of the incident's address."""
    base = url.rpartition("/incidents/")[0]
    if message.reason is Reason.DIGEST:
        return ("Open the list of incidents", f"{base}/incidents")
    return None if message.group is None else ("Open the whole group", f"{base}/groups/{message.group}")


def _actions(message: Message, told: Told) -> list[ActionLink]:
    return [
        link for link in message.actions if link.incident_id == told.incident.id and link.action in ACTIONS
    ]
