"""The `channels` section: what every kind shares is read here, the rest is handed on with its places."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from notifier.domain.delivery import RateLimit
from notifier.settings import values
from notifier.settings.document import MISSING, Node, showable
from notifier.settings.model import ChannelBlock, Mark
from notifier.settings.reading import Reader, below
from notifier.settings.sections import COUNT, FLAG, SPAN
from notifier.settings.values import Scalar

T = TypeVar("T")
Path = tuple[str | int, ...]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
SHARED = frozenset({"type", "rate_limit", "digest"})


IsSecret = Callable[[str, Path], bool]
"""Whether a kind of channel (its `type`) has a secret at a path, and so takes `x_file` for it."""


def every_key(_kind: str, _path: Path) -> bool:
    """Every `x_file` stands for a secret `x`: what holds where the kinds are not known."""
    return True


def no_key(_kind: str, _path: Path) -> bool:
    """No secret of a channel is read: what is enough for who needs none."""
    return False


def read_channels(
    reader: Reader, node: Node | None, is_secret: IsSecret = every_key
) -> Mapping[str, ChannelBlock]:
    """Every block that can be read, by name; one with problems of its own is there too, for names to refer to."""
    blocks: dict[str, ChannelBlock] = {}
    for name, entry in reader.entries(node, "channels").items():
        if not NAME.fullmatch(name):
            message = "a channel's name has letters, digits, - _ and . only, and at most 64 of them"
            reader.problems.add(entry.key, f"channels: {message}")
        blocks[name] = _block(reader, name, entry, is_secret)
    return blocks


def is_whole(value: Any) -> bool:
    """Whether nothing in a block's options is missing, so that a kind can judge them."""
    if isinstance(value, Mapping):
        return all(map(is_whole, value.values()))
    if isinstance(value, list):
        return all(map(is_whole, value))
    return value is not MISSING


def rate_limit(reader: Reader, node: Node, path: str) -> RateLimit | None:
    """`30/hour` or `{messages: 30, per: 1h, burst: 5}`; without `burst`, all of them may go at once."""
    if not isinstance(node.value, Mapping):
        rate = reader.value(node, path, values.rate)
        return None if rate is None else RateLimit(messages=rate[0], per=rate[1], burst=rate[0])
    entries = reader.entries(node, path)
    reader.only(node, path, {"messages", "per", "burst"})
    for name in ("messages", "per"):
        if name not in entries:
            reader.complain(node.mark, path, f"`{name}` is missing: write it as {{messages: 30, per: 1h}}")
    messages = _optional(reader, entries, path, "messages", COUNT.read)
    per = _optional(reader, entries, path, "per", SPAN.read)
    burst = _optional(reader, entries, path, "burst", COUNT.read)
    if messages is None or per is None:
        return None
    return RateLimit(messages=messages, per=per, burst=messages if burst is None else burst)


def _block(reader: Reader, name: str, written: Node, is_secret: IsSecret) -> ChannelBlock:
    path = below("channels", name)
    kind = _kind(written)
    files = _SecretFiles(reader, lambda at: is_secret(kind, at))
    node = files.read(written, path)
    entries = reader.entries(node, path)
    if isinstance(node.value, Mapping) and "type" not in entries:
        kinds = "email, slack, webhook, console, or a kind of your own"
        reader.complain(node.key, path, f"`type` is missing: {kinds}")
    limit = entries.get("rate_limit")
    options = {key: _plain(entry) for key, entry in entries.items() if key not in SHARED}
    return ChannelBlock(
        name=name,
        type=_optional(reader, entries, path, "type", values.text) or "",
        options=options,
        rate_limit=None if limit is None else rate_limit(reader, limit, below(path, "rate_limit")),
        digest=_optional(reader, entries, path, "digest", FLAG.read),
        mark=node.key,
        marks=dict(_marks(node, ())),
    )


def _optional(
    reader: Reader, entries: Mapping[str, Node], path: str, name: str, read: Callable[[Scalar], T]
) -> T | None:
    entry = entries.get(name)
    return None if entry is None else reader.value(entry, below(path, name), read)


def _kind(node: Node) -> str:
    entry = node.value.get("type") if isinstance(node.value, Mapping) else None
    return entry.value if entry is not None and isinstance(entry.value, str) else ""


@dataclass(frozen=True, slots=True)
class _SecretFiles:
    """Puts the contents of a file in the place of every `x_file` where the kind has a secret `x`."""

    reader: Reader
    is_secret: Callable[[Path], bool]

    def read(self, node: Node, path: str, at: Path = ()) -> Node:
        """The node with `x` for each secret's `x_file`, at every depth."""
        match node.value:
            case Mapping() as entries:
                named = (self._named(key, entry, entries, path, at) for key, entry in entries.items())
                return replace(node, value=dict(one for one in named if one is not None))
            case tuple() as items:
                inner = (
                    self.read(item, f"{path}[{index}]", (*at, index)) for index, item in enumerate(items)
                )
                return replace(node, value=tuple(inner))
            case _:
                return node

    def _named(
        self, key: str, entry: Node, entries: Mapping[str, Node], path: str, at: Path
    ) -> tuple[str, Node] | None:
        """One entry under the name that the kind knows; None where a secret's file stands in for it."""
        if not entry.is_empty and self._is_file(key, at):
            name = key.removesuffix("_file")
            if name in entries and not entries[name].is_empty:
                sentence = f"{showable(name)} is set as well: keep one of the two"
                self.reader.complain(entry.key, below(path, key), sentence)
            return name, self.reader.secret(entry, below(path, key))
        file = entries.get(f"{key}_file")
        if file is not None and not file.is_empty and self._is_file(f"{key}_file", at):
            return None
        return key, self.read(entry, below(path, key), (*at, key))

    def _is_file(self, key: str, at: Path) -> bool:
        name = key.removesuffix("_file")
        return name not in {key, ""} and self.is_secret((*at, name))


def _plain(node: Node) -> Any:
    match node.value:
        case Mapping() as entries:
            return {key: _plain(entry) for key, entry in entries.items() if not entry.is_empty}
        case tuple() as items:
            return [_plain(item) for item in items]
        case value:
            return value


def _marks(node: Node, path: Path) -> Iterator[tuple[Path, Mark]]:
    match node.value:
        case Mapping() as entries:
            for key, entry in entries.items():
                yield (*path, key), entry.key
                yield from _marks(entry, (*path, key))
        case tuple() as items:
            for index, item in enumerate(items):
                yield (*path, index), item.mark
                yield from _marks(item, (*path, index))
