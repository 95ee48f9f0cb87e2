"""Full-text search of the manual: the best sections for a query, where words in titles weigh more than in text."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from notifier.manual.chapters import FENCE, Chapter, plain_words, sections

QUERY_CHARS = 200
WORDS = 12
HITS = 20
SNIPPET = 220
_TITLE, _HEADING, _TEXT = 5.0, 3.0, 1.0
_SATURATION = 1.5
"""The number of occurrences after which a further one adds little (as k1 in BM25)."""
_PREFIX = 0.6
"""The weight of a word that only starts with the queried word."""
_REFERENCE = 0.6
"""The weight of a reference chapter: it contains every word and answers few questions."""
_LOWEST_SHARE = 0.15
"""The lowest score of a hit, as a share of the best hit's."""
_SYNONYM = 0.8
_SYNONYMS = {
    "batch": "digest",
    "downtime": "maintenance",
    "expired": "ends",
    "firing": "open",
    "issue": "incident",
    "migrate": "move",
    "mute": "silence",
    "pause": "hold",
    "receiver": "channel",
    "resend": "told",
    "sent": "told",
    "server": "machine",
    "snooze": "silence",
    "sso": "openid",
    "timezone": "zone",
}
"""Terms of other products, and the manual's terms for them."""
_WORD = re.compile(r"\d+(?:[,.]\d+)+(?!\w)|\w+")  # `50,757` is one word
_COMMON = re.compile(
    "a|an|and|are|as|at|be|but|by|can|did|do|does|for|from|get|got|had|has|have|how|i|if|in|is|it|"
    "its|me|my|no|of|on|one|or|our|so|that|the|their|then|there|these|this|to|too|up|was|we|were|"
    "what|when|where|which|who|will|with|you|your"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualHit:
    """A chapter that matches, with its best section."""

    path: str
    part: str
    title: str
    section: str
    anchor: str
    snippet: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    chapter: Chapter
    section: str
    anchor: str
    text: str
    weights: Mapping[str, float]


class ManualIndex:
    """An index of the sections of chapters, by their words."""

    def __init__(self, chapters: Iterable[Chapter]) -> None:
        self._entries = [entry for chapter in chapters for entry in _entries(chapter)]
        among = Counter(word for entry in self._entries for word in entry.weights)
        self._rarity = {
            word: math.log(1 + len(self._entries) / (1 + number)) for word, number in among.items()
        }

    def find(self, query: str) -> Sequence[ManualHit]:
        """The best section of each chapter, best first; empty if no word is known.

        Query length and words are capped.
        """
        words = list(dict.fromkeys(_words(query[:QUERY_CHARS])))[:WORDS]
        asked = [known for known in map(self._matching_words, words) if known]
        rarities = [max(self._rarity[word] for word in known) for known in asked]
        found = [(entry, self._score(asked, entry)) for entry in self._entries]
        chapters: dict[str, list[tuple[_Entry, Sequence[float]]]] = {}
        for entry, scores in found:
            if any(scores):
                chapters.setdefault(entry.chapter.path, []).append((entry, scores))
        ranked = sorted(
            (_ranked(sections, rarities) for sections in chapters.values()), key=lambda pair: -pair[0]
        )
        wanted = {word for known in asked for word in known}
        enough = ranked[0][0] * _LOWEST_SHARE if ranked else 0.0
        return tuple(_hit(entry, wanted) for score, entry in ranked[:HITS] if score >= enough)

    def _matching_words(self, word: str) -> Mapping[str, float]:
        """The words of the manual that match a queried word, with their weights."""
        known = {word: 1.0} if word in self._rarity else {}
        if (ours := _STEMMED_SYNONYMS.get(word)) in self._rarity:
            known[str(ours)] = _SYNONYM
        if known:
            return known
        return {begun: _PREFIX for begun in self._rarity if len(word) > 2 and begun.startswith(word)}

    def _score(self, asked: Sequence[Mapping[str, float]], entry: _Entry) -> Sequence[float]:
        """The score of a section for each queried word."""
        return [
            max((share * self._rarity[word] * entry.weights.get(word, 0.0) for word, share in known.items()),
                default=0.0)
            for known in asked
        ]  # fmt: skip


def _ranked(
    found: Sequence[tuple[_Entry, Sequence[float]]], rarities: Sequence[float]
) -> tuple[float, _Entry]:
    """A chapter's score and best section; the score is that section's plus half that of all sections together."""
    best = max(found, key=lambda pair: _sum(pair[1], rarities))
    whole = [max(scores) for scores in zip(*(scores for _, scores in found), strict=True)]
    weight = _REFERENCE if best[0].chapter.path.startswith("reference/") else 1.0
    return weight * (_sum(best[1], rarities) + _sum(whole, rarities) / 2), best[0]


def _sum(scores: Sequence[float], rarities: Sequence[float]) -> float:
    """The total score, reduced when words are missing; rare words reduce it more."""
    there = sum(rarity for score, rarity in zip(scores, rarities, strict=True) if score)
    return sum(scores) * (there / sum(rarities)) ** 2


def _entries(chapter: Chapter) -> Iterator[_Entry]:
    titles = set(_words(chapter.title))
    for section in sections(chapter):
        text = _plain(section.lines)
        headings = set(_words(section.title))
        counts = Counter(_words(text))
        weights = {
            word: _TEXT * number * (1 + _SATURATION) / (number + _SATURATION)
            for word, number in counts.items()
        }
        for word in headings:
            weights[word] = weights.get(word, 0.0) + _HEADING
        for word in titles:
            weights[word] = weights.get(word, 0.0) + (_TITLE if section.title == chapter.title else 1.0)
        yield _Entry(
            chapter=chapter,
            section=section.title,
            anchor=section.anchor,
            text=_plain(_prose(section.lines)) or text,
            weights=weights,
        )


def _hit(entry: _Entry, wanted: set[str]) -> ManualHit:
    return ManualHit(
        path=entry.chapter.path,
        part=entry.chapter.part,
        title=entry.chapter.title,
        section=entry.section,
        anchor=entry.anchor,
        snippet=_snippet(entry.text, wanted),
    )


def _snippet(text: str, wanted: set[str]) -> str:
    """The text around the first queried word."""
    found = next((m.start() for m in re.finditer(r"\w+", text) if wanted & set(_words(m[0]))), 0)
    before = text.rfind(". ", 0, found)
    start = before + 2 if before >= 0 else 0
    start = start if found - start < SNIPPET // 2 else text.find(" ", max(0, found - SNIPPET // 2)) + 1
    cut = text[start : start + SNIPPET]
    end = cut if start + SNIPPET >= len(text) else f"{cut.rpartition(' ')[0]} ..."
    return f"{'... ' if start > 0 and text[start - 2 : start] != '. ' else ''}{end}"


def _words(text: str) -> Iterator[str]:
    """The normalized words of a text: `resolve_after` counts as one word and as two, and endings are cut."""
    for word in _WORD.findall(text.lower()):
        for part in dict.fromkeys((word, *word.split("_"))):
            if part and not _COMMON.fullmatch(part):
                yield _stem(part)


def _stem(word: str) -> str:
    """The stem of a word: the same for `silences`, `silenced` and `silencing`."""
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    for ending, least in (("ing", 6), ("ed", 5), ("es", 5), ("s", 4), ("e", 4)):
        if len(word) >= least and word.endswith(ending) and not word.endswith("ss"):
            return word[: -len(ending)]
    return word


def _plain(lines: Iterable[str]) -> str:
    text = " ".join(plain_words(line.strip(" |>#*-")) for line in lines if re.search(r"\w", line))
    return " ".join(text.split())


def _prose(lines: Sequence[str]) -> Iterator[str]:
    """The lines outside of code blocks."""
    fenced = False
    for line in lines:
        if FENCE.match(line.strip()):
            fenced = not fenced
        elif not fenced:
            yield line


_STEMMED_SYNONYMS = {_stem(theirs): _stem(ours) for theirs, ours in _SYNONYMS.items()}
