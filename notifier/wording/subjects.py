"""Subjects of mails: of a conversation when it opens, and of single messages."""

from __future__ import annotations

import re

from notifier.domain.message import Conversation, Message
from notifier.domain.notification import Reason
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.wording.reasons import REASONS
from notifier.wording.text import inline, number, sentence

# The project of the first key. If it is the only one, its name is left out.
DEFAULT_PROJECT = "default"
SUBJECT, TITLE = 240, 120
_FIRST_CAUSE = re.compile(r".*?\(×?[0-9,]+\)(?=, )", re.DOTALL)


def subject(message: Message) -> str:
    """The subject of the message's conversation, which never changes, else a subject of its own."""
    if message.conversation is not None:
        return sentence(message.conversation.subject, SUBJECT)
    match message.reason:
        case Reason.DIGEST:
            return sentence(
                f"[notifier] {_worst(message)}digest: {figures(message.note) or scope(message)}", SUBJECT
            )
        case Reason.TEST | Reason.SYSTEM:
            title = inline(message.told[0].incident.title, SUBJECT) if message.told else scope(message)
            return sentence(f"[notifier] {REASONS[message.reason]}: {title}", SUBJECT)
        case _:
            return opening(message)


def opening(message: Message) -> str:
    """`[search/production] critical: index replica set lost quorum ... and 39 more`."""
    project = "" if message.project == DEFAULT_PROJECT else f" ({inline(message.project, 60)})"
    if not message.told:
        return sentence(f"[{scope(message)}] {REASONS[message.reason]}{project}", SUBJECT)
    first = message.told[0].incident
    others = len(message.told) + message.more - 1
    more = f" ... and {number(others)} more" if others else ""
    title = inline(first.title, TITLE) or "(no title)"
    return sentence(f"[{scope(message)}] {first.severity.value}: {title}{more}{project}", SUBJECT)


def conversation_of(message: Message, before: Conversation | None) -> Conversation:
    """The conversation of a message. A raise to critical opens another one, which refers to `before`."""
    severities = [told.incident.severity for told in message.told]
    unresolved = [
        told.incident.severity for told in message.told if told.incident.state is not State.RESOLVED
    ]
    if before is None:
        worst = max(severities, key=lambda severity: severity.rank, default=Severity.ERROR)
        return Conversation(number=0, subject=opening(message), severity=worst)
    if before.severity is not Severity.CRITICAL and Severity.CRITICAL in unresolved:
        return Conversation(number=before.number + 1, subject=opening(message), severity=Severity.CRITICAL)
    return before


def figures(note: str | None) -> str:
    """The part of a digest's note that fits into a line: the counts, and the first of its causes."""
    first = _FIRST_CAUSE.match(note or "")
    return first.group() if first else note or ""


def scope(message: Message) -> str:
    """The place in short: `billing/production`, or the project if the incidents share neither."""
    parts = [inline(_shared(message, name), 80) for name in ("service", "environment")]
    return "/".join(part for part in parts if part) or inline(message.project, 80) or "notifier"


def _shared(message: Message, name: str) -> str:
    """The value that the group, or all incidents of the message, have in common."""
    if name in message.labels or message.more or message.reason is Reason.DIGEST:
        return message.labels.get(name, "")
    incidents = [told.incident for told in message.told]
    in_environment = name == "environment"
    values = {
        incident.environment if in_environment else incident.labels.get(name, "") for incident in incidents
    }
    return values.pop() if len(values) == 1 else ""


def is_resolved(message: Message) -> bool:
    """Whether everything that the message shows is resolved."""
    return bool(message.told) and all(told.incident.state is State.RESOLVED for told in message.told)


def worst(message: Message) -> str | None:
    """The highest severity of unresolved incidents, or of all if none is unresolved. None for a test."""
    incidents = [told.incident for told in message.told if told.incident.number]
    unresolved = [incident for incident in incidents if incident.state is not State.RESOLVED]
    severities = [incident.severity for incident in unresolved or incidents]
    severity = max(severities, key=lambda severity: severity.rank, default=None)
    return None if severity is None else severity.value


def _worst(message: Message) -> str:
    """The highest unresolved severity, or "resolved"."""
    if is_resolved(message) and not message.more:
        return "resolved "
    severity = worst(message)
    return "" if severity is None else f"{severity} "
