"""The page with snippets that connect an application."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from notifier.domain.incident import Incident
from notifier.domain.time import Instant
from notifier.wording.reasons import service_of
from notifier.wording.snippets import Snippet, environment, sender_snippets, snippets
from notifier.wording.text import TITLE, inline, plain

_PLAIN_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]{1,255}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedLine:
    """The incident with the latest event. `is_test` is true if the reader's test made it."""

    id: str
    number: int
    title: str
    where: str
    last_seen: Instant
    is_test: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupView:
    """Snippets with this service's address.

    `key` is a new key, shown once; `sent` is the incident of the test event.
    """

    url: str
    key: str | None
    environment: str
    snippets: Sequence[Snippet]
    senders: Sequence[Snippet]
    received: ReceivedLine | None
    sent: str | None
    now: Instant


def setup_view(
    *, origin: str, base: str, key: str | None, received: Incident | None, sent: str | None, now: Instant
) -> SetupView:
    """The page. An address that a shell would need quoted is replaced by localhost."""
    url = f"{origin if _PLAIN_ORIGIN.fullmatch(origin) else 'http://127.0.0.1:8000'}{base}"
    return SetupView(
        url=url,
        key=key,
        environment=environment(url, key),
        snippets=snippets(url, key),
        senders=sender_snippets(url, key),
        received=None if received is None else _received(received, sent),
        sent=sent,
        now=now,
    )


def _received(incident: Incident, sent: str | None) -> ReceivedLine:
    return ReceivedLine(
        id=incident.id,
        number=incident.number,
        title=plain(incident.title, TITLE) or "(no title)",
        where=f"{inline(service_of(incident), 60)} · {inline(incident.environment, 40)}",
        last_seen=incident.last_seen,
        is_test=incident.id == sent,
    )
