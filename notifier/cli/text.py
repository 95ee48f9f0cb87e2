"""JSON answers as text: aligned tables and fields, or the JSON itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from notifier.domain.direction import FSI, PDI, paired

WIDEST = 80
UNCUT = 100_000
SUFFIX = 8
"""The characters of an id that lists show; the service accepts six or more."""

MomentFormat = Callable[[object], str] | None


def as_json(document: object) -> str:
    """Indented ASCII JSON, which contains no escape sequences that a terminal would interpret."""
    return json.dumps(document, indent=2).replace("\x7f", "\\u007f")


def visible(text: str) -> str:
    """The text without control, format or unassigned characters, so that it cannot steer a terminal.

    Balanced isolates of right-to-left text are kept.
    """
    return text if text.isprintable() else "".join(map(_visible, paired(text, "\ufffd")))


def _visible(part: str) -> str:
    if part in {FSI, PDI}:
        return part
    return "".join(dead_letter_row if dead_letter_row.isprintable() else "\ufffd" for dead_letter_row in part)


def cell(value: object) -> str:
    """A value on one line."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return " ".join(f"{visible(str(name))}={cell(inner)}" for name, inner in value.items()) or "-"
        case str():
            return visible(value) or "-"
        case Sequence():
            return ", ".join(cell(inner) for inner in value) or "-"
        case _:
            return visible(str(value))


def short_ids(ids: Sequence[str]) -> dict[str, str]:
    """The shortest suffix of each id, at least `SUFFIX` characters long, that identifies it among `ids`."""
    length = SUFFIX
    while len({id_[-length:] for id_ in ids}) < len(set(ids)):
        length += 1
    return {id_: id_[-length:] if len(id_) > length + 4 else id_ for id_ in ids}


def table(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str] | None = None,
    *,
    widest: int = WIDEST,
    moment: MomentFormat = None,
) -> str:
    """Aligned rows under a header. Without `columns`, every key of any row is shown, in order of appearance."""
    names = columns or list(dict.fromkeys(name for row in rows for name in row))
    head = [visible(name).replace("_", " ").upper() for name in names]
    body = [[_short(field_cell(name, row.get(name), moment), widest) for name in names] for row in rows]
    return "\n".join(_aligned([head, *body]))


def details(document: Mapping[str, Any], moment: MomentFormat = None) -> str:
    """A document: a line for each field, then a table for each list in it."""
    plain = {name: value for name, value in document.items() if not is_rows(value)}
    parts = [
        "\n".join(
            _aligned(
                [
                    [visible(name).replace("_", " "), field_cell(name, value, moment)]
                    for name, value in plain.items()
                ]
            )
        )
    ]
    for name, value in document.items():
        if is_rows(value):
            parts.append(f"{visible(name).replace('_', ' ')}:\n{table(value, moment=moment)}")
    return "\n\n".join(part for part in parts if part)


def is_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, Mapping) for row in value)


def field_cell(name: str, value: object, moment: MomentFormat) -> str:
    """A field's value. `moment` formats fields that are named like times."""
    if moment is not None and isinstance(value, str) and (name == "at" or name.endswith(("_at", "_until"))):
        return moment(value)
    return cell(value)


def _short(text: str, widest: int) -> str:
    return text if len(text) <= widest else f"{text[: widest - 3]}..."


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
