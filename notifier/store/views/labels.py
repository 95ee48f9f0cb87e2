"""Labels known in a project, and conditions on labels in SQL."""

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
"""How many of the newest incidents are searched."""


def unsent(tx: Tx, project: str, name: str, value: str | None) -> Literal["name", "value"] | None:
    """The part of a label that no event has had: its name or its value. Without `value` only the name is checked."""
    field = f"{json_text(name)}:"
    if not _any(tx, project, field, json_text(name)):
        return "name"
    if value is None or _any(tx, project, f"{field}{json_text(value)}", json_text(name)):
        return None
    return "value"


def _any(tx: Tx, project: str, part: str, name: str) -> bool:
    """Whether the text occurs in the labels of recent incidents, or the label is `varying` in one of them."""
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


def may_match(matchers: Iterable[Matcher]) -> sa.ColumnElement[bool]:
    """Whether the labels, as JSON text, may match: tests equality matchers whose JSON form is unambiguous."""
    texts = (
        f'"{matcher.name}":"{matcher.value}"'
        for matcher in matchers
        if matcher.op == "=" and matcher.value and _PLAIN.fullmatch(matcher.name + matcher.value)
    )
    return sa.and_(sa.true(), *(incidents.c.labels.contains(text, autoescape=True) for text in texts))
