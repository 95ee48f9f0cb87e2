"""Tokens of links in mails: each lets one recipient act once on one incident. Only a hash is stored."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.domain.message import ActionLink, Message
from notifier.domain.time import DAY, Duration, Instant
from notifier.policy.acts import linked_acts
from notifier.store.compiled import execute, insert
from notifier.store.database import Dialect, Tx
from notifier.store.schema import Big, action_tokens

LIFETIME: Duration = 7 * DAY
# 256 bits in URL-safe base64.
_FORM = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """The purpose of a token. `incident` is an incident's number."""

    project: str
    incident: int
    action: str
    recipient: str
    created_at: Instant
    expires_at: Instant
    spent_at: Instant | None


def links(tx: Tx, message: Message, *, recipient: str, url: str | None) -> tuple[ActionLink, ...]:
    """Create links for one attempt to send this message to `recipient`; none if their base `url` is not known.

    Links of earlier attempts remain valid, since those may have arrived and sent tokens are not stored.
    """
    acts = linked_acts(message)
    if url is None or not acts:
        return ()
    made = [(incident, action, secrets.token_urlsafe(32)) for incident, action in acts]
    rows = [
        _row(tx, token, incident.project, incident.number, action, recipient, tx.now + LIFETIME)
        for incident, action, token in made
    ]
    insert(tx, action_tokens, rows)
    return tuple(
        ActionLink(incident_id=incident.id, action=action, url=f"{url}/actions/{token}")
        for incident, action, token in made
    )


def mint(tx: Tx, *, project: str, incident: int, action: str, recipient: str, expires_at: Instant) -> str:
    """Create a token. Only its hash is stored."""
    token = secrets.token_urlsafe(32)
    insert(tx, action_tokens, [_row(tx, token, project, incident, action, recipient, expires_at)])
    return token


def look(tx: Tx, token: str) -> Token | None:
    """The purpose of a token, even if it is spent or expired; None if it is unknown. Does not spend it."""
    if _FORM.fullmatch(token) is None:
        return None
    row = execute(tx, _by_hash, {"hash": _digest(token)}).one_or_none()
    return None if row is None else _token(row)


def spend(tx: Tx, token: str) -> Token | None:
    """Spend a token. Returns None if it is spent, expired or unknown. Of two concurrent calls one succeeds."""
    if _FORM.fullmatch(token) is None:
        return None
    taken = execute(tx, _spending, {"hash": _digest(token), "now": tx.now}).rowcount
    return look(tx, token) if taken else None


def forget(tx: Tx, before: Instant, most: int) -> int:
    """Delete tokens that expired before `before`. Returns how many."""
    return execute(tx, _forgetting, {"before": before, "most": most}).rowcount


def _row(
    tx: Tx, token: str, project: str, incident: int, action: str, recipient: str, expires_at: Instant
) -> dict[str, object]:
    return {
        "hash": _digest(token),
        "project": project,
        "incident": incident,
        "action": action,
        "recipient": recipient,
        "created_at": tx.now,
        "expires_at": expires_at,
    }


def _token(row: sa.Row[Any]) -> Token:
    return Token(
        project=row.project,
        incident=row.incident,
        action=row.action,
        recipient=row.recipient,
        created_at=row.created_at,
        expires_at=row.expires_at,
        spent_at=row.spent_at,
    )


def _digest(token: str) -> str:
    """The stored hash. Tokens are random, so that one SHA-256 is enough and lookups leak nothing by timing."""
    return hashlib.sha256(token.encode()).hexdigest()


def _hash() -> sa.BindParameter[str]:
    return sa.bindparam("hash", type_=sa.Text())


def _by_hash(_dialect: Dialect) -> sa.ClauseElement:
    return sa.select(action_tokens).where(action_tokens.c.hash == _hash())


def _spending(_dialect: Dialect) -> sa.ClauseElement:
    now = sa.bindparam("now", type_=Big)
    good = action_tokens.c.spent_at.is_(None), action_tokens.c.expires_at > now
    return sa.update(action_tokens).where(action_tokens.c.hash == _hash(), *good).values(spent_at=now)


def _forgetting(_dialect: Dialect) -> sa.ClauseElement:
    old = (
        sa.select(action_tokens.c.hash)
        .where(action_tokens.c.expires_at < sa.bindparam("before", type_=Big))
        .order_by(action_tokens.c.expires_at)
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )
    return sa.delete(action_tokens).where(action_tokens.c.hash.in_(old))
