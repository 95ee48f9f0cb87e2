"""A new silence started from an incident: matchers from its labels, and a preview of what else they match."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from notifier.domain.incident import Incident
from notifier.domain.matcher import Matcher
from notifier.domain.time import HOUR, Duration
from notifier.oncall.silences import PREVIEW_PERIOD, SilencePreview
from notifier.web.views.act_end import CHOICES
from notifier.web.views.silences import doubts_of
from notifier.wording.text import TITLE, counted, number, plain

# The labels preselected: the same failure of the same service at the same place.
_LIKE = ("service", "environment", "exception", "task")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelChoice:
    """A label of the incident that can be chosen as a matcher."""

    name: str
    value: str
    matcher: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedIncident:
    """An incident that the silence would match."""

    id: str
    number: int
    title: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentSilenceView:
    """The form and its preview: `sentences` say what the matchers match, `warnings` what is suspicious about them."""

    incident: Incident
    title: str
    choices: tuple[LabelChoice, ...]
    sentences: tuple[str, ...]
    warnings: tuple[str, ...]
    others: tuple[MatchedIncident, ...]
    comment: str
    problem: str | None
    choices_of_length: Mapping[str, tuple[str, Duration]]


def matchers_of(incident: Incident, names: Iterable[str]) -> tuple[str, ...]:
    """A matcher for each named label that the incident has; without names, for the default labels."""
    chosen = set(names) or set(_LIKE)
    return tuple(
        _matcher(name, value)
        for name, value in incident.labels.items()
        if name in chosen and name != "project"
    )


def matchers_of_several(chosen: Sequence[Incident]) -> tuple[str, ...]:
    """Matchers that all of these incidents meet: what makes others like one of them.

    A label in which they differ may have the value of each. `ValueError` if that makes too long an expression.
    """
    if len(chosen) == 1:
        return matchers_of(chosen[0], ())
    values = {name: list(dict.fromkeys(one.labels.get(name, "") for one in chosen)) for name in _LIKE}
    return tuple(_one_of(name, found) for name, found in values.items() if any(found))


def _one_of(name: str, values: Sequence[str]) -> str:
    if len(values) == 1:
        return _matcher(name, values[0])
    return str(Matcher(name=name, op="=~", value="|".join(map(re.escape, values))))


def _matcher(name: str, value: str) -> str:
    return str(Matcher(name=name, op="=", value=value))


def incident_silence_view(
    incident: Incident,
    matchers: Sequence[str],
    preview: SilencePreview | None,
    *,
    comment: str = "",
    problem: str | None = None,
) -> IncidentSilenceView:
    """The view with the chosen matchers; `preview` is None if none is chosen."""
    others = tuple(
        MatchedIncident(
            id=met.id,
            number=met.number,
            title=plain(met.title, TITLE) or "(no title)",
            state=met.state.value,
        )
        for met in (() if preview is None else preview.met.incidents)
        if met.id != incident.id
    )
    return IncidentSilenceView(
        incident=incident,
        title=plain(incident.title, TITLE) or "(no title)",
        choices=tuple(
            LabelChoice(name=name, value=plain(value, 256), matcher=matcher, chosen=matcher in matchers)
            for name, value in incident.labels.items()
            if name != "project"
            for matcher in [_matcher(name, value)]
        ),
        sentences=() if preview is None else tuple(_sentences(preview)),
        warnings=tuple(_warnings(preview, matchers)),
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
        f"Of those resolved in the last {PREVIEW_PERIOD // HOUR} hours it would have held "
        f"{at_least}{number(preview.lately)}."
    )


def _warnings(preview: SilencePreview | None, matchers: Sequence[str]) -> Iterable[str]:
    if preview is None:
        yield "Nothing: choose at least one label."
        return
    if preview.everything:
        yield "This would silence everything of the project: choose more labels."
    yield from doubts_of(preview, matchers)
