"""The available kinds of channels: built-in ones, and those of installed packages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from notifier.channels import console, email, slack, webhook
from notifier.channels.base import Kind

GROUP = "notifier.channels"

_KINDS: tuple[Kind[Any], ...] = (email.KIND, slack.KIND, webhook.KIND, console.KIND)
BUILT_IN: Mapping[str, Kind[Any]] = {kind.name: kind for kind in _KINDS}


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledKinds:
    """The usable kinds by name, and for each unusable entry point the reason, as a sentence."""

    kinds: Mapping[str, Kind[Any]]
    unusable: Mapping[str, str]


@cache
def installed() -> InstalledKinds:
    """The kinds of this installation."""
    return from_entry_points(entry_points(group=GROUP))


def from_entry_points(points: Iterable[EntryPoint]) -> InstalledKinds:
    """The built-in kinds and those of entry points. No package can replace a built-in kind or prevent a start."""
    loaded = {point.name: _loaded(point) for point in points}
    return InstalledKinds(
        kinds={**{name: kind for name, kind in loaded.items() if isinstance(kind, Kind)}, **BUILT_IN},
        unusable={name: why for name, why in loaded.items() if isinstance(why, str)},
    )


def _loaded(point: EntryPoint) -> Kind[Any] | str:
    package = point.module if point.dist is None else point.dist.name
    if point.name in BUILT_IN:
        return f"the package {package} brings a kind of this name too; notifier's own is used"
    try:
        kind = point.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the import runs third-party code
        missing = f" of {error.name}" if isinstance(error, ModuleNotFoundError) and error.name else ""
        why = f"cannot be loaded ({type(error).__name__}{missing})"
        return f"the package {package}, which brings this kind, {why}: update or remove it"
    if not isinstance(kind, Kind):
        return f"the package {package} names something here that is no notifier.channels.api.Kind: update or remove it"
    return kind
