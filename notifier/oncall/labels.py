"""Warnings about labels that no event has had: most are typing errors, and match nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from notifier.domain.labels import RESERVED_LABELS
from notifier.domain.matcher import Matcher
from notifier.store import views
from notifier.store.database import Tx

MAX_CHECKED_LABELS = 20

_SENTENCES = {
    "name": "no event has come with a label of this name: is it written as its sender writes it?",
    "value": "no event has come with this value of the label: is it written as its sender writes it?",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelWarning:
    """`path` is the place in the query, not its text."""

    path: str
    message: str


def label_warnings(
    tx: Tx, project: str, labels: Iterable[tuple[str, str, str | None]]
) -> tuple[LabelWarning, ...]:
    """The parts of these labels (path, name, value) that no event has had so far."""
    unsent = (
        (path, _unsent(tx, project, name, value))
        for (path, name, value), _ in zip(labels, range(MAX_CHECKED_LABELS), strict=False)
    )
    return tuple(
        LabelWarning(path=path, message=_SENTENCES[what]) for path, what in unsent if what is not None
    )


def of_labels(labels: Mapping[str, str]) -> Iterator[tuple[str, str, str | None]]:
    """The labels of a hypothetical event."""
    for index, (name, value) in enumerate(labels.items()):
        yield f"labels[{index}]", name, value


def of_matchers(matchers: Iterable[tuple[int, Matcher]]) -> Iterator[tuple[str, str, str | None]]:
    """The labels that matchers require, with the place of their text. Skips matchers that accept a missing label."""
    for index, matcher in matchers:
        if not matcher.matches({}):
            yield f"matchers[{index}]", matcher.name, matcher.value if matcher.op == "=" else None


def _unsent(tx: Tx, project: str, name: str, value: str | None) -> str | None:
    if name in {"project", "severity"} or any("\0" in part for part in (name, value or "")):
        return None
    what = views.unsent(tx, project, name, value)
    return None if what == "name" and name in RESERVED_LABELS else what
