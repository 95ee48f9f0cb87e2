"""Text for a terminal, by its width and colours, with tables that fit; through a pipe all of it, and plain."""

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
    """One column. Where the terminal is narrow it gives way, down to `least`; None: it never does.

    `short` is what its values become before any is cut. `right`: its values are numbers. Where not even so all find
    room, the columns with a `rank` are left out, the highest first.
    """

    name: str
    least: int | None = None
    right: bool = False
    rank: int = 0
    short: Mapping[str, str] = field(default_factory=dict)
    styles: Mapping[str, Style] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """`width` is None where nothing is cut; `dots` say where it is. `now` is in milliseconds."""

    width: int | None
    colour: bool
    now: Instant
    dots: str = "..."

    def style(self, text: str, style: Style | None) -> str:
        return f"\033[{style}m{text}\033[0m" if self.colour and style else text

    def severity(self, word: object) -> str:
        return self.style(cell(word), SEVERITIES.get(str(word)))

    def ago(self, moment: object) -> str:
        """`12s ago`, `3h ago`, `in 4d`: one unit. What is no moment stays as it is."""
        return _distance(self._span(moment), moment, words_of=lambda span: words(span).partition(" ")[0])

    def when(self, moment: object) -> str:
        """`2026-11-22 14:02:10 CET (3h 5m ago)`, by the reader's clock."""
        span = self._span(moment)
        if span is None:
            return cell(moment)
        return f"{local(self.now - span)} ({_distance(span, moment, words_of=words)})"

    def clock(self, moment: object) -> str:
        """`Nov 22 14:02:10`, by the reader's clock."""
        span = self._span(moment)
        return cell(moment) if span is None else local(self.now - span, "%b %d %H:%M:%S")

    def _span(self, moment: object) -> Duration | None:
        """How long ago it was."""
        try:
            return self.now - parse_rfc3339(str(moment))
        except ValueError:
            return None

    def wrap(self, text: str, indent: str = "") -> Iterator[str]:
        """Lines that fit, those after the first indented."""
        if self.width is None:
            yield text
        else:
            yield from _wrapped(text, max(self.width, NARROWEST), indent)

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Iterator[str]:
        """A head and the rows, aligned; as narrow as the terminal is."""
        head = [column.name.upper() for column in columns]
        body = [list(row) for row in rows]
        gap = GAP
        if self._over([head, *body], gap):
            gap = NARROW_GAP
            body = [
                [column.short.get(text, text) for column, text in zip(columns, row, strict=True)]
                for row in body
            ]
            kept = self._kept(columns, [head, *body], gap)
            columns = [columns[place] for place in kept]
            head, *body = ([row[place] for place in kept] for row in [head, *body])
        widths = self._fitted(columns, [head, *body], gap)
        yield self.style(self._line(columns, widths, head, gap, plain=True), BOLD)
        for row in body:
            yield self._line(columns, widths, row, gap, plain=False)

    def _over(self, rows: Sequence[Sequence[str]], gap: int) -> int:
        """How many columns too wide it is."""
        if self.width is None:
            return 0
        return max(0, sum(_widths(rows)) + gap * (len(rows[0]) - 1) - self.width)

    def _kept(self, columns: Sequence[Column], rows: Sequence[Sequence[str]], gap: int) -> list[int]:
        """The places of the columns that find room."""
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
        """Widths of the columns. The widest gives way first; the last, which says the most, half as much."""
        widths = _widths(rows)
        over = self._over(rows, gap)
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
        # What is wider than the terminal even so is cut, and plain: a cut could end in the middle of a colour.
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
    """The terminal that standard output is, or what is read through a pipe."""
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
    """`2026-11-22 14:02:10 CET`, by the clock of this machine, which `TZ` may set otherwise."""
    from datetime import UTC, datetime, timedelta

    try:
        here = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).astimezone()
    except (OverflowError, ValueError, OSError):
        return rfc3339(at)
    return here.strftime(form)


def cut(text: str, width: int, dots: str = "...") -> str:
    """The text in at most so many columns; where something is left out, the dots say so."""
    if columns_of(text) <= width:
        return text
    room, head = max(0, width - len(dots)), ""
    for letter in text:
        room -= columns_of(letter)
        if room < 0:
            break
        head += letter
    return closed(head.rstrip() + dots[:width])


def columns_of(text: str) -> int:
    """How many columns a terminal needs for it: Chinese letters take two, accents and joiners of their own none."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.category(letter) in {"Mn", "Me", "Cf"}
        else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in text
    )


def _wrapped(text: str, width: int, indent: str) -> Iterator[str]:
    """Lines of at most so many columns; a word that is longer, as in scripts without spaces, is broken."""
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
