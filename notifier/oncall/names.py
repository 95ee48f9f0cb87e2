"""Names that a person gives a thing: its id, the end of its id, or an incident's number.

Ids are ordered in time, so that those of one minute begin alike: the end tells them apart, and lists show it.
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
"""The length of the ids that the service makes; only the ids of runs are their senders'."""


def exact_id(tx: Tx, kind: NamedKind, name: str, project_scope: str | None) -> str:
    """The id that is meant; of this project, or of any where `project_scope` is None.

    `Unknown` where there is none; `Unreadable` where several end so.
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
    """The ids that each of these may mean: a number and a whole id mean one.

    Ids that the service makes are found in capitals as well; the id of a run is its sender's, and taken to the letter.
    """
    spelt = {name: name if kind == "task run" else name.lower() for name in names}
    meant = _ids_as_spelt(tx, kind, set(spelt.values()), project_scope)
    return {name: meant[spelling] for name, spelling in spelt.items() if spelling in meant}


def _ids_as_spelt(
    tx: Tx, kind: NamedKind, names: AbstractSet[str], project_scope: str | None
) -> dict[str, tuple[str, ...]]:
    meant: dict[str, tuple[str, ...]] = {}
    if kind == "incident":
        numbers = {name: number for name in names if (number := number_of(name)) is not None}
        numbered = views.ids_of_numbers(tx, set(numbers.values()), project=project_scope)
        meant |= {name: (numbered[number],) for name, number in numbers.items() if number in numbered}
    whole = whole_ids(tx, [kind], names - meant.keys(), project_scope)
    meant |= {name: (name,) for name in whole}
    return meant | ids_ending(tx, kind, names - meant.keys(), project_scope)


def whole_ids(
    tx: Tx, kinds: Iterable[NamedKind], names: AbstractSet[str], project_scope: str | None
) -> set[str]:
    """The names that are the id of something of one of these kinds."""
    sound = {name for name in names if "\0" not in name}
    return {id_ for kind in kinds for id_ in views.whole_ids(tx, kind, sound, project=project_scope)}


def ids_ending(
    tx: Tx, kind: NamedKind, ends: AbstractSet[str], project_scope: str | None
) -> dict[str, tuple[str, ...]]:
    """The ids that end in each of these. All ids are read for the end of one: not for what is too long to be an end."""
    most = SUFFIX_MOST if kind == "task run" else UUID_CHARS - 1
    likely = {end for end in ends if SUFFIX_LEAST <= len(end) <= most and "\0" not in end}
    return views.ids_ending(tx, kind, likely, project=project_scope)


def exact_ids(tx: Tx, kind: NamedKind, names: Collection[str], project_scope: str | None) -> dict[str, str]:
    """The ids behind those names that mean exactly one thing."""
    return {
        name: ids[0]
        for name, ids in ids_by_name(tx, kind, set(names), project_scope).items()
        if len(ids) == 1
    }


def number_of(name: str) -> int | None:
    """An incident's number, as a person writes it: `142`, or `#142` as messages show it."""
    name = name.removeprefix("#")
    if not (name.isascii() and name.isdigit() and len(name) <= 19):
        return None
    number = int(name)
    return number if number <= LARGEST_NUMBER else None


def ambiguous(kind: str, count: int) -> str:
    """Why an end means none of these."""
    many = f"{count:,}" if count < views.ENDING_AT_MOST else f"at least {count:,}"
    plural = f"{kind[:-1]}ies" if kind == "delivery" else f"{kind}s"
    return f"{many} {plural} have an id that ends like this: give more of it"
