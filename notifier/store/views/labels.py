"""Labels that a project's events have had, and what matchers ask of an incident's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

import sqlalchemy as sa

from notifier.domain.matcher import Matcher
from notifier.store.database import Tx
from notifier.store.json_rows import json_text
from notifier.store.schema import incidents

ASKED_AT_MOST = 20_000
"""So many incidents, the newest, are looked through."""


def unsent(tx: Tx, project: str, name: str, value: str | None) -> Literal["name", "value"] | None:
    """The part of this label that no event has had. Without a value the name alone is asked for."""
    field = f"{json_text(name)}:"
    if not _any(tx, project, field, json_text(name)):
        return "name"
    if value is None or _any(tx, project, f"{field}{json_text(value)}", json_text(name)):
        return None
    return "value"


def _any(tx: Tx, project: str, part: str, name: str) -> bool:
    """Whether this stands in the labels of one of the newest incidents, or the label varies in it."""
    newest = (
        sa.select(incidents.c.labels, incidents.c.varying)
        .where(incidents.c.project.concat("") == project)
        .order_by(incidents.c.number.desc())
        .limit(ASKED_AT_MOST)
        .subquery()
    )
    there = sa.or_(
        newest.c.labels.contains(part, autoescape=True), newest.c.varying.contains(name, autoescape=True)
    )
    return tx.run(sa.select(sa.literal(1)).select_from(newest).where(there).limit(1)).first() is not None


_PLAIN = re.compile(r"[A-Za-z0-9_.:/ -]+")


def may_meet(matchers: Iterable[Matcher]) -> sa.ColumnElement[bool]:
    """Whether an incident's labels, as JSON, have those that must be equal and that are spelt there as anywhere."""
    texts = (
        f'"{matcher.name}":"{matcher.value}"'
        for matcher in matchers
        if matcher.op == "=" and matcher.value and _PLAIN.fullmatch(matcher.name + matcher.value)
    )
    return sa.and_(sa.true(), *(incidents.c.labels.contains(text, autoescape=True) for text in texts))
