"""The list of sessions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from notifier.access.sessions import OpenSession
from notifier.domain.time import Instant
from notifier.wording.text import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLine:
    """A session of a key, or of a person authenticated by `issuer`. `is_this` marks the reader's own."""

    id: str
    key_name: str
    project: str
    issuer: str
    created_at: Instant
    seen_at: Instant
    expires_at: Instant
    is_this: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsView:
    """The open sessions; `all_keys` is true for an administrator, who sees those of every key."""

    sessions: tuple[SessionLine, ...]
    all_keys: bool
    now: Instant


def sessions_view(opened: Iterable[OpenSession], *, this: str, all_keys: bool, now: Instant) -> SessionsView:
    """The list, with the reader's own session first."""
    lines = tuple(
        SessionLine(
            id=session.id,
            key_name=plain(session.key_name, 60),
            project=plain(session.project or "", 60),
            issuer=plain(session.issuer or "", 120),
            created_at=session.created_at,
            seen_at=session.seen_at,
            expires_at=session.expires_at,
            is_this=session.id == this,
        )
        for session in opened
    )
    return SessionsView(
        sessions=tuple(sorted(lines, key=lambda line: not line.is_this)), all_keys=all_keys, now=now
    )
