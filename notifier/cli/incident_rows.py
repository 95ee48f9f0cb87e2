"""Incidents as table rows: title, severity, age and owner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from notifier.cli.screen import SEVERITIES, Column, Screen
from notifier.cli.text import cell

Row = Mapping[str, Any]

STATES = {"acknowledged": "ack", "resolved": "over"}
COLUMNS = (
    Column(name="number", right=True),
    Column(name="severity", styles=SEVERITIES),
    Column(name="state", short=STATES, rank=5),
    Column(name="service/environment", least=12),
    Column(name="count", right=True, rank=2),
    Column(name="since", right=True, rank=4),
    Column(name="last", right=True, rank=3),
    Column(name="owner", least=6, rank=1),
    Column(name="title", least=16),
)
NARROW_NAMES = {"number": "no", "service/environment": "where"}
ROOMY = 110
WIDE = (*COLUMNS[:-1], Column(name="id"), Column(name="title"))


def rows(incidents: Sequence[Row], screen: Screen, *, wide: bool) -> Iterator[str]:
    """A header, and a row for each incident."""
    cells = [_cells(incident, screen, wide=wide) for incident in incidents]
    if wide:
        yield from replace(screen, width=None).table(WIDE, cells)
    else:
        yield from screen.table(_columns(screen), cells)


def where(incident: Row) -> str:
    """`billing/production`."""
    labels = incident.get("labels") or {}
    return f"{cell(labels.get('service'))}/{cell(incident.get('environment'))}"


def count(incident: Row) -> str:
    number = incident.get("count")
    return f"{number:,}" if isinstance(number, int) else cell(number)


def _columns(screen: Screen) -> Sequence[Column]:
    if screen.width is None or screen.width >= ROOMY:
        return COLUMNS
    return [replace(column, name=NARROW_NAMES.get(column.name, column.name)) for column in COLUMNS]


def _cells(incident: Row, screen: Screen, *, wide: bool) -> list[str]:
    row = [
        cell(incident.get("number")),
        cell(incident.get("severity")),
        cell(incident.get("state")),
        where(incident),
        count(incident),
        screen.ago(incident.get("first_seen")).removesuffix(" ago"),
        screen.ago(incident.get("last_seen")).removesuffix(" ago"),
        cell(incident.get("acknowledged_by")),
    ]
    return [*row, *([cell(incident.get("id"))] if wide else []), cell(incident.get("title"))]
