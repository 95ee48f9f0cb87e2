"""Names that people give for things: an id, the end of an id, or an incident's number.

Ids are ordered by time, so ids of one minute have the same beginning. Lists show the end, which differs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet

from notifier.oncall.errors import Unknown, Unreadable
from notifier.store import views
from notifier.store.database import Tx
from notifier.store.views import NamedKind

LARGEST_NUMBER = 2**63 - 1
SUFFIX_LEAST, SUFFIX_MOST = 6, 128
UUID_CHARS = 36
"""The length of ids made by the service. Ids of runs are made by their senders."""


def exact_id(tx: Tx, kind: NamedKind, name: str, project_scope: str | None) -> str:
    """The id with this name, in this project, or in any if `project_scope` is None.

    Raises `Unknown` if there is none, and `Unreadable` if several have this end.
    """
    ids = ids_by_name(tx, kind, {name}, project_scope).get(name, ())
    if len(ids) > 1:
        raise Unreadable("id", ambiguous(kind, len(ids)))
    if not ids:
        raise Unknown(kind)
    return ids[0]


def ids_by_name(
    tx: Tx, kind: NamedKind, names: AbstractSet[str], project_scope: str | None
) -> dict[str, tuple[str, ...]]:
    """The ids that each name may stand for. A number and a whole id stand for one.

    Ids made by the service are found in capitals as well. Ids of runs are made by senders, and must match exactly.
    """
    spellings = {name: name if kind == "task run" else name.lower() for name in names}
    ids_by_spelling = _ids_by_spelling(tx, kind, set(spellings.values()), project_scope)
    return {
        name: ids_by_spelling[spelling] for name, spelling in spellings.items() if spelling in ids_by_spelling
    }


def _ids_by_spelling(
    tx: Tx, kind: NamedKind, names: AbstractSet[str], project_scope: str | None
) -> dict[str, tuple[str, ...]]:
    ids: dict[str, tuple[str, ...]] = {}
    if kind == "incident":
        numbers = {name: number for name in names if (number := number_of(name)) is not None}
        numbered = views.ids_of_numbers(tx, set(numbers.values()), project=project_scope)
        ids |= {name: (numbered[number],) for name, number in numbers.items() if number in numbered}
    whole = existing_ids(tx, [kind], names - ids.keys(), project_scope)
    ids |= {name: (name,) for name in whole}
    return ids | ids_ending(tx, kind, names - ids.keys(), project_scope)


def existing_ids(
    tx: Tx, kinds: Iterable[NamedKind], names: AbstractSet[str], project_scope: str | None
) -> set[str]:
    """The names that are whole ids of things of these kinds."""
    valid = {name for name in names if "\0" not in name}
    return {id_ for kind in kinds for id_ in views.existing_ids(tx, kind, valid, project=project_scope)}


def ids_ending(
    tx: Tx, kind: NamedKind, ends: AbstractSet[str], project_scope: str | None
) -> dict[str, tuple[str, ...]]:
    """The ids that end in each of these. A search reads all ids, so texts too long to be an end are skipped."""
    most = SUFFIX_MOST if kind == "task run" else UUID_CHARS - 1
    likely = {end for end in ends if SUFFIX_LEAST <= len(end) <= most and "\0" not in end}
    return views.ids_ending(tx, kind, likely, project=project_scope)


def exact_ids(tx: Tx, kind: NamedKind, names: Collection[str], project_scope: str | None) -> dict[str, str]:
    """The ids of those names that stand for exactly one thing."""
    return {
        name: ids[0]
        for name, ids in ids_by_name(tx, kind, set(names), project_scope).items()
        if len(ids) == 1
    }


def number_of(name: str) -> int | None:
    """An incident's number as people write it: `142`, or `#142` as messages show it. None for other texts."""
    name = name.removeprefix("#")
    if not (name.isascii() and name.isdigit() and len(name) <= 19):
        return None
    number = int(name)
    return number if number <= LARGEST_NUMBER else None


def ambiguous(kind: str, count: int) -> str:
    """The sentence about a name that several ids end in."""
    many = f"{count:,}" if count < views.ENDING_AT_MOST else f"at least {count:,}"
    plural = f"{kind[:-1]}ies" if kind == "delivery" else f"{kind}s"
    return f"{many} {plural} have an id that ends like this: give more of it"
