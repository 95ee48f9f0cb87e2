"""A silence begun at an incident: matchers from its labels, and what else they would meet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from notifier.domain.incident import Incident
from notifier.domain.matcher import Matcher
from notifier.domain.time import HOUR, Duration
from notifier.oncall.silences import LATELY, SilencePreview
from notifier.web.views.lasting import CHOICES
from notifier.wording.text import TITLE, counted, number, plain

# What is alike, where nobody has chosen: the same failure of the same service at the same place.
_LIKE = ("service", "environment", "exception", "task")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelChoice:
    """A label of the incident that the silence may ask for."""

    name: str
    value: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MetIncident:
    """An incident that the silence would hold."""

    id: str
    number: int
    title: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceHereView:
    """The form and its preview: `sentences` say what the matchers meet, `warnings` what is odd about them."""

    incident: Incident
    title: str
    choices: tuple[LabelChoice, ...]
    matchers: tuple[str, ...]
    sentences: tuple[str, ...]
    warnings: tuple[str, ...]
    others: tuple[MetIncident, ...]
    comment: str
    problem: str | None
    choices_of_length: Mapping[str, tuple[str, Duration]]


def matchers_of(incident: Incident, names: Iterable[str]) -> tuple[str, ...]:
    """A matcher for each of these labels that the incident has; without names, for what makes others alike."""
    chosen = set(names) or set(_LIKE)
    return tuple(
        str(Matcher(name=name, op="=", value=value))
        for name, value in incident.labels.items()
        if name in chosen and name != "project"
    )


def names_in(incident: Incident, matchers: Iterable[str]) -> tuple[str, ...]:
    """The labels of the incident whose matchers these are."""
    given = set(matchers)
    return tuple(name for name in incident.labels if given.intersection(matchers_of(incident, [name])))


def silence_here_view(
    incident: Incident,
    names: Iterable[str],
    preview: SilencePreview,
    *,
    comment: str = "",
    problem: str | None = None,
) -> SilenceHereView:
    """The page of a silence with a matcher for each of these labels."""
    chosen = set(names) or set(_LIKE)
    others = tuple(
        MetIncident(
            id=one.id,
            number=one.number,
            title=plain(one.title, TITLE) or "(no title)",
            state=one.state.value,
        )
        for one in preview.met.incidents
        if one.id != incident.id
    )
    return SilenceHereView(
        incident=incident,
        title=plain(incident.title, TITLE) or "(no title)",
        choices=tuple(
            LabelChoice(name=name, value=plain(value, 256), chosen=name in chosen)
            for name, value in incident.labels.items()
            if name != "project"
        ),
        matchers=matchers_of(incident, names),
        sentences=tuple(_sentences(preview)),
        warnings=tuple(_warnings(preview)),
        others=others,
        comment=comment,
        problem=problem,
        choices_of_length=CHOICES,
    )


def _sentences(preview: SilencePreview) -> Iterable[str]:
    met = preview.met
    of = number(met.unresolved) if met.counted_all else f"the newest {number(met.unresolved)}"
    yield f"Now it would hold {counted(met.matching, 'incident')}, of {of} that are not resolved."
    at_least = "" if preview.counted_lately else "at least "
    yield (
        f"Of those resolved in the last {LATELY // HOUR} hours it would have held {at_least}{number(preview.lately)}."
    )


def _warnings(preview: SilencePreview) -> Iterable[str]:
    if preview.everything:
        yield "This would silence everything of the project: choose more labels."
    yield from (doubt.message for doubt in preview.doubts)
