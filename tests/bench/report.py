"""One Markdown table: each figure beside the baselines', its ratio, and its goal (RULES.md#speed)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tests.bench.subjects import ALERTMANAGER, BARE, NOTIFIER, VALIDATING

COLUMNS = (NOTIFIER, BARE, VALIDATING, ALERTMANAGER)
Verdict = Literal["reached", "missed", "not compared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row. `figures` are by subject; a missing one is shown as a dash."""

    what: str
    figures: Mapping[str, str]
    ratio: str = ""
    goal: str = ""
    verdict: Verdict = "not compared"


@dataclass(slots=True, kw_only=True)
class Report:
    """The results of a run so far."""

    lines: list[Line] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def markdown(self, alertmanager: str) -> str:
        """The table, followed by the notes for judging it."""
        heads = [alertmanager if name == ALERTMANAGER else name for name in COLUMNS]
        rows = [["what", *heads, "ratio", "to reach", ""], ["---"] * (len(heads) + 4)]
        rows += [
            [
                line.what,
                *(line.figures.get(name, "-") for name in COLUMNS),
                line.ratio or "-",
                line.goal or "-",
                line.verdict,
            ]
            for line in self.lines
        ]
        table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
        return "\n".join([table, "", *(f"- {note}" for note in self.notes)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A minimum ratio to another subject's rate."""

    against: str
    at_least: float

    @property
    def words(self) -> str:
        return f"{self.at_least:g} x {self.against}"


def compared(rates: Mapping[str, float], goals: Sequence[Goal]) -> tuple[str, str, Verdict]:
    """Ratios, goals and verdict of notifier's rate beside the others'; missing subjects are ignored."""
    ratios = {
        name: rates[NOTIFIER] / rate for name, rate in rates.items() if name != NOTIFIER and NOTIFIER in rates
    }
    words = ", ".join(f"{ratio:.2f} x {name}" for name, ratio in ratios.items())
    known = [goal for goal in goals if goal.against in ratios]
    verdict: Verdict = "not compared"
    if known:
        verdict = "reached" if all(ratios[goal.against] >= goal.at_least for goal in known) else "missed"
    return words, ", ".join(goal.words for goal in goals), verdict


def within(value: float, limit: float) -> Verdict:
    return "reached" if value <= limit else "missed"


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile; `share` of 0.99 is p99."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def rate(value: float) -> str:
    return f"{value:,.0f}/s"


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
