"""Text for a terminal of a given width, with colours and fitted tables; through a pipe it is complete and plain."""

from __future__ import annotations

import os
import re
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from notifier.cli.text import cell
from notifier.domain.direction import closed, isolated
from notifier.domain.time import SECOND, Duration, Instant, parse_rfc3339, rfc3339, words

Style = str
Words = Callable[[Duration], str]
BOLD, DIM, RED, YELLOW, CYAN = "1", "2", "31", "33", "36"
SEVERITIES: Mapping[str, Style] = {
    "critical": "1;97;41",
    "error": RED,
    "warning": YELLOW,
    "info": CYAN,
    "none": DIM,
}
GAP, NARROW_GAP = 2, 1
NARROWEST = 20
SMALLEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A table column. On a narrow terminal it shrinks to `least` characters; None if it never shrinks.

    `short` abbreviates its values before any is cut. `right` aligns numbers. If the columns still do not fit, those
    with a `rank` are dropped, highest first.
    """

    name: str
    least: int | None = None
    right: bool = False
    rank: int = 0
    short: Mapping[str, str] = field(default_factory=dict)
    styles: Mapping[str, Style] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """An output. `width` is None if nothing is cut; `dots` mark cut text. `now` is in milliseconds."""

    width: int | None
    colour: bool
    now: Instant
    dots: str = "..."

    def style(self, text: str, style: Style | None) -> str:
        return f"\033[{style}m{text}\033[0m" if self.colour and style else text

    def severity(self, word: object) -> str:
        return self.style(cell(word), SEVERITIES.get(str(word)))

    def ago(self, moment: object) -> str:
        """The distance in one unit: `12s ago`, `3h ago`, `in 4d`. Anything but a time is returned unchanged."""
        return _distance(self._span(moment), moment, words_of=lambda span: words(span).partition(" ")[0])

    def when(self, moment: object) -> str:
        """`2026-11-22 14:02:10 CET (3h 5m ago)`, in local time."""
        span = self._span(moment)
        if span is None:
            return cell(moment)
        return f"{local(self.now - span)} ({_distance(span, moment, words_of=words)})"

    def clock(self, moment: object) -> str:
        """`Nov 22 14:02:10`, in local time."""
        span = self._span(moment)
        return cell(moment) if span is None else local(self.now - span, "%b %d %H:%M:%S")

    def _span(self, moment: object) -> Duration | None:
        """The time since `moment`, or None if it is no time."""
        try:
            return self.now - parse_rfc3339(str(moment))
        except ValueError:
            return None

    def wrap(self, text: str, indent: str = "") -> Iterator[str]:
        """The text in lines that fit; all but the first are indented."""
        if self.width is None:
            yield text
        else:
            yield from _wrapped(text, max(self.width, NARROWEST), indent)

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Iterator[str]:
        """A header and aligned rows, fitted to the width."""
        head = [column.name.upper() for column in columns]
        body = [list(row) for row in rows]
        gap = GAP
        if self._excess([head, *body], gap):
            gap = NARROW_GAP
            body = [
                [column.short.get(text, text) for column, text in zip(columns, row, strict=True)]
                for row in body
            ]
            kept = self._visible_columns(columns, [head, *body], gap)
            columns = [columns[place] for place in kept]
            head, *body = ([row[place] for place in kept] for row in [head, *body])
        widths = self._fitted(columns, [head, *body], gap)
        yield self.style(self._line(columns, widths, head, gap, plain=True), BOLD)
        for row in body:
            yield self._line(columns, widths, row, gap, plain=False)

    def _excess(self, rows: Sequence[Sequence[str]], gap: int) -> int:
        """The number of characters by which the rows are too wide."""
        if self.width is None:
            return 0
        return max(0, sum(_widths(rows)) + gap * (len(rows[0]) - 1) - self.width)

    def _visible_columns(
        self, columns: Sequence[Column], rows: Sequence[Sequence[str]], gap: int
    ) -> list[int]:
        """The indexes of the columns that fit."""
        least = [
            width if column.least is None else min(width, column.least)
            for column, width in zip(columns, _widths(rows), strict=True)
        ]
        kept = list(range(len(columns)))
        for place in sorted(kept, key=lambda place: -columns[place].rank):
            over = self.width is not None and sum(least[k] + gap for k in kept) - gap > self.width
            if over and columns[place].rank:
                kept.remove(place)
        return kept

    def _fitted(self, columns: Sequence[Column], rows: Sequence[Sequence[str]], gap: int) -> list[int]:
        """The widths of the columns.

        The widest shrinks first; the last, which is the most informative, half as much.
        """
        widths = _widths(rows)
        over = self._excess(rows, gap)
        for floor in (None, SMALLEST):
            least = [
                width if column.least is None else min(width, floor or max(column.least, len(column.name)))
                for column, width in zip(columns, widths, strict=True)
            ]
            while over and (able := [place for place, width in enumerate(widths) if width > least[place]]):
                widths[
                    max(able, key=lambda place: widths[place] / (2 if place == len(widths) - 1 else 1))
                ] -= 1
                over -= 1
        return widths

    def _line(
        self, columns: Sequence[Column], widths: Sequence[int], row: Sequence[str], gap: int, *, plain: bool
    ) -> str:
        # What is still too wide is cut without its colours: a cut could split an escape sequence.
        wide = sum(widths) + gap * (len(widths) - 1)
        over = self.width is not None and wide > self.width
        parts = []
        for column, width, text in zip(columns, widths, row, strict=True):
            fitted = isolated(cut(text, width, self.dots)) if self.width else text
            space = " " * (width - columns_of(fitted))
            styled = self.style(fitted, None if plain or over else column.styles.get(text))
            parts.append(f"{space}{styled}" if column.right else f"{styled}{space}")
        line = (" " * gap).join(parts).rstrip()
        return line if self.width is None or not over else cut(line, self.width, self.dots)


def screen_of(stdout: TextIO, environ: Mapping[str, str]) -> Screen:
    """The screen of standard output: a terminal, or unlimited and plain for anything else."""
    terminal = stdout.isatty()
    colour = terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    return Screen(
        width=_columns(stdout, environ) if terminal else None,
        colour=colour,
        dots="\u2026" if "utf" in (stdout.encoding or "").lower() else "...",
        now=time.time_ns() // 1_000_000,
    )


def _columns(stdout: TextIO, environ: Mapping[str, str]) -> int:
    told = environ.get("COLUMNS", "")
    if told.isdigit() and int(told) > 0:
        return int(told)
    try:
        return os.get_terminal_size(stdout.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def local(at: Instant, form: str = "%Y-%m-%d %H:%M:%S %Z") -> str:
    """`2026-11-22 14:02:10 CET`, in the time zone of this machine or of `TZ`."""
    from datetime import UTC, datetime, timedelta

    try:
        here = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).astimezone()
    except (OverflowError, ValueError, OSError):
        return rfc3339(at)
    return here.strftime(form)


def cut(text: str, width: int, dots: str = "...") -> str:
    """The text in at most `width` columns; `dots` mark what is cut."""
    if columns_of(text) <= width:
        return text
    room, head = max(0, width - len(dots)), ""
    for dead_letter_row in text:
        room -= columns_of(dead_letter_row)
        if room < 0:
            break
        head += dead_letter_row
    return closed(head.rstrip() + dots[:width])


def columns_of(text: str) -> int:
    """The number of terminal columns of a text: two for wide characters, none for combining ones and joiners."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.category(dead_letter_row) in {"Mn", "Me", "Cf"}
        else 1 + (unicodedata.east_asian_width(dead_letter_row) in "WF")
        for dead_letter_row in text
    )


def _wrapped(text: str, width: int, indent: str) -> Iterator[str]:
    """The text in lines of at most `width` columns; longer words are broken, as in scripts without spaces."""
    indent, line = indent[: width // 2], ""
    for word in re.findall(r"\s*\S+", text):
        if line.strip() and columns_of(line + word) > width:
            yield line
            line = indent + word.lstrip()
        else:
            line += word
        while columns_of(line) > width:
            head = cut(line, width, "")
            yield head
            line = indent + line[len(head) :].lstrip()
    yield line


def _widths(rows: Iterable[Sequence[str]]) -> list[int]:
    return [max(map(columns_of, column)) for column in zip(*rows, strict=True)]


def _distance(span: Duration | None, moment: object, *, words_of: Words) -> str:
    if span is None:
        return cell(moment)
    if span < 0:
        return f"in {words_of(-span)}"
    return "now" if span < SECOND else f"{words_of(span)} ago"
