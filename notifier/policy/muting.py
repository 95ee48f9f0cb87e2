"""Mutes: what prevents a route from notifying about a member, and until when (RULES.md#held)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from notifier.domain.matcher import Matcher, Patterns, match_all
from notifier.domain.notification import HeldBy
from notifier.domain.route import Inhibition, Route, TimeInterval
from notifier.domain.silence import Phase, Silence
from notifier.domain.time import Instant
from notifier.policy.calendar import Window, window

MUTES = frozenset({HeldBy.SNOOZED, HeldBy.SILENCED, HeldBy.INHIBITED, HeldBy.MUTE_TIME})

# Adjoining windows are followed up to this many changes; after that the mute is evaluated again.
_MOST_CHANGES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """A mute of a member until `until`, or without a known end if that is None.

    `ref` is the id of the silence or of the inhibiting incident.
    """

    held_by: HeldBy
    until: Instant | None
    ref: str | None = None


class SilenceIndex:
    """An index of silences by project and by one label value or pattern that each requires.

    Silences that require neither are always evaluated.
    """

    def __init__(self, silences: Iterable[Silence] = ()) -> None:
        silences = tuple(silences)
        asked = Counter(
            (silence.project, matcher.name, matcher.value)
            for silence in silences
            for matcher in _exact(silence)
        )
        self._by_label: dict[tuple[str, str, str], list[Silence]] = {}
        self._others: dict[str, list[Silence]] = {}
        by_pattern: dict[tuple[str, str], list[tuple[str, Silence]]] = {}
        for silence in silences:
            keys = [(silence.project, matcher.name, matcher.value) for matcher in _exact(silence)]
            if keys:
                # The rarest value leaves the fewest silences to evaluate.
                self._by_label.setdefault(min(keys, key=lambda key: (asked[key], key)), []).append(silence)
            elif pattern := next(_patterns(silence), None):
                asks = by_pattern.setdefault((silence.project, pattern.name), [])
                asks.append((pattern.value, silence))
            else:
                self._others.setdefault(silence.project, []).append(silence)
        self._by_pattern = {
            key: (Patterns([pattern for pattern, _ in asks]), [silence for _, silence in asks])
            for key, asks in by_pattern.items()
        }

    def __bool__(self) -> bool:
        return bool(self._by_label or self._by_pattern or self._others)

    def mute(self, project: str, labels: Mapping[str, str], now: Instant) -> Mute | None:
        """The mute of an active silence that matches; of several, the one that lasts longest."""
        found = [
            Mute(held_by=HeldBy.SILENCED, until=_earlier(silence.ends_at, on.until), ref=silence.id)
            for silence, on in self._meeting(project, labels, now)
        ]
        return max(found, key=_lasting, default=None)

    def silencing(self, project: str, labels: Mapping[str, str], now: Instant) -> list[str]:
        """The ids of all active silences that match."""
        return [silence.id for silence, _ in self._meeting(project, labels, now)]

    def _meeting(
        self, project: str, labels: Mapping[str, str], now: Instant
    ) -> Iterator[tuple[Silence, Window]]:
        for silence in self._candidates(project, labels):
            if match_all(silence.matchers, labels) and (on := _window(silence, now)).active:
                yield silence, on

    def _candidates(self, project: str, labels: Mapping[str, str]) -> Iterator[Silence]:
        yield from self._others.get(project, ())
        for name, value in labels.items():
            yield from self._by_label.get((project, name, value), ())
            asked = self._by_pattern.get((project, name))
            if asked is not None:
                patterns, silences = asked
                for number in patterns.matching_patterns(value):
                    yield silences[number]


def _patterns(silence: Silence) -> Iterator[Matcher]:
    return (matcher for matcher in silence.matchers if matcher.op == "=~" and not matcher.matches({}))


def _exact(silence: Silence) -> list[Matcher]:
    """Equality matchers with a value. One for the empty string also matches an absent label."""
    return [matcher for matcher in silence.matchers if matcher.op == "=" and matcher.value]


def phase(silence: Silence, now: Instant) -> Phase:
    """The phase of a silence. A recurring one is active only within its windows."""
    if silence.ends_at is not None and silence.ends_at <= now:
        return "expired"
    return "active" if _window(silence, now).active else "pending"


def mute_time(route: Route, now: Instant) -> Mute | None:
    """The mute of a route outside its hours, or None. `until` is when the route may notify again."""
    if not _quiet(route, now):
        return None
    at: Instant | None = now
    for _ in range(_MOST_CHANGES):
        if at is None or not _quiet(route, at):
            break
        at = _next_change(route, at)
    return Mute(held_by=HeldBy.MUTE_TIME, until=at)


def inhibits(rule: Inhibition, source_labels: Mapping[str, str], target_labels: Mapping[str, str]) -> bool:
    """Whether `rule` makes an unresolved source hold a target in the same project.

    Source and target that both match `source` and `target` do not inhibit each other, so that no incident inhibits
    itself (Alertmanager, `inhibit.InhibitRule`).
    """
    if not (match_all(rule.source, source_labels) and match_all(rule.target, target_labels)):
        return False
    if match_all(rule.source, target_labels) and match_all(rule.target, source_labels):
        return False
    return all(source_labels.get(name, "") == target_labels.get(name, "") for name in rule.equal)


def equal_key(rule: Inhibition, labels: Mapping[str, str]) -> str:
    """A hash of the values of the `equal` labels, 16 hex digits."""
    values = [labels.get(name, "") for name in sorted(rule.equal)]
    return blake2b(json.dumps(values).encode(), digest_size=8).hexdigest()


def _window(silence: Silence, now: Instant) -> Window:
    if now < silence.starts_at or (silence.ends_at is not None and now >= silence.ends_at):
        return Window(active=False, until=None)
    return Window(active=True, until=None) if silence.recur is None else window(silence.recur, now)


def _lasting(mute: Mute) -> tuple[bool, Instant, str]:
    return mute.until is None, mute.until or 0, mute.ref or ""


def _quiet(route: Route, at: Instant) -> bool:
    return _on(route.mute_times, at) or (bool(route.active_times) and not _on(route.active_times, at))


def _on(intervals: Sequence[TimeInterval], at: Instant) -> bool:
    return any(window(weekly, at).active for interval in intervals for weekly in interval.windows)


def _next_change(route: Route, at: Instant) -> Instant | None:
    intervals = (*route.mute_times, *route.active_times)
    changes = [window(weekly, at).until for interval in intervals for weekly in interval.windows]
    return min((change for change in changes if change is not None), default=None)


def _earlier(one: Instant | None, other: Instant | None) -> Instant | None:
    return min((at for at in (one, other) if at is not None), default=None)
