"""Mail headers for threading, and for filters in mail programs. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime

from notifier.channels import mime
from notifier.domain.delivery import Thread
from notifier.domain.message import Message
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import SECOND

_MESSAGE_ID = re.compile(r"<[A-Za-z0-9_-]{1,100}@[A-Za-z0-9.-]{1,255}>")


def headers(
    message: Message, *, scope: str, severity: str, thread: Thread, domain: str
) -> Iterator[tuple[str, str]]:
    """All headers except From, To and Subject. `severity` is the highest unresolved one."""
    yield "Date", format_datetime(datetime.fromtimestamp(message.at // SECOND, UTC))
    own_id = message_id(message.id, domain)
    yield "Message-ID", own_id
    yield from _references(message, thread, domain, own_id)
    yield "List-Id", _list_id(scope, domain)
    yield "Importance", _importance(message)
    yield from ((name, mime.unstructured(name, text)) for name, text in _for_filters(message, severity))
    # RFC 3834: keeps vacation responders silent.
    yield "Auto-Submitted", "auto-generated"
    yield "X-Auto-Response-Suppress", "All"


def message_id(name: str, domain: str) -> str:
    """`<name@domain>`. A name with characters that a Message-ID cannot hold is replaced by its hash."""
    safe = (
        name
        if re.fullmatch(r"[A-Za-z0-9_-]{1,100}", name)
        else hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:32]
    )
    return f"<{safe}@{domain}>"


def _references(message: Message, thread: Thread, domain: str, own_id: str) -> Iterator[tuple[str, str]]:
    """References of a conversation to its root, which is never sent, and to the root of the conversation before."""
    conversation = 0 if message.conversation is None else message.conversation.number
    root = message_id(f"thread-{thread.id}", domain)
    if not conversation:
        yield from (("In-Reply-To", root), ("References", root))
        return
    first = thread.ref if thread.ref is not None and _MESSAGE_ID.fullmatch(thread.ref) else root
    roots = dict.fromkeys((root, first, message_id(f"thread-{thread.id}-{conversation}", domain)))
    known = [earlier for earlier in roots if earlier != own_id]
    yield from (("In-Reply-To", known[-1]), ("References", "\r\n ".join(known)))


def _list_id(scope: str, domain: str) -> str:
    """RFC 2919: `<production.billing.notifier.example.com>`, the same for all mails about one service."""
    parts = [re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-")[:60] for part in scope.split("/")]
    return f"<{'.'.join([*reversed([part or '-' for part in parts[-2:]]), 'notifier', domain])}>"


def _importance(message: Message) -> str:
    """The importance (RFC 4021). Resolved incidents are low."""
    severities = {
        item.incident.severity for item in message.told if item.incident.state is not State.RESOLVED
    }
    if Severity.CRITICAL in severities:
        return "high"
    return "low" if severities == {Severity.INFO} and message.told[0].incident.number else "normal"


def _for_filters(message: Message, severity: str) -> Iterator[tuple[str, str]]:
    """Headers for filters in mail programs, independent of the text."""
    incidents = [item.incident for item in message.told]
    yield "X-Notifier-Reason", message.reason.value
    yield "X-Notifier-Project", message.project[:400]
    if not incidents:
        return
    yield "X-Notifier-Severity", severity or Severity.INFO.value
    for name in ("service", "environment"):
        values = dict.fromkeys(incident.labels.get(name) or getattr(incident, name) for incident in incidents)
        yield f"X-Notifier-{name.capitalize()}", ", ".join(filter(None, values))[:400]
    numbers = [str(incident.number) for incident in incidents if incident.number]
    if numbers:
        yield "X-Notifier-Incident", ", ".join(numbers)
