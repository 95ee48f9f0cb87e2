"""Secrets from files: the contents of `x_file` in the place of every secret `x`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path as File

from notifier.settings.complaints import dotted
from notifier.settings.document import MISSING, Missing, Path, Problems, SourceNode, showable

LARGEST_SECRET = 64 * 1024


@dataclass(frozen=True, slots=True)
class SecretFiles:
    """Reads the files that a configuration names; relative paths start at its `folder`.

    `is_secret` says at which paths a secret may stand: what else ends in `_file` is a key of its own.
    """

    folder: File
    problems: Problems
    is_secret: Callable[[Path], bool]

    def read(self, node: SourceNode, path: Path = ()) -> SourceNode:
        """The node with `x` for each secret's `x_file`, at every depth."""
        match node.value:
            case Mapping() as entries:
                named = (self._named(key, entries, path) for key in entries)
                return replace(node, value=dict(entry for entry in named if entry is not None))
            case tuple() as items:
                read = (self.read(item, (*path, index)) for index, item in enumerate(items))
                return replace(node, value=tuple(read))
            case _:
                return node

    def _named(
        self, key: str, entries: Mapping[str, SourceNode], path: Path
    ) -> tuple[str, SourceNode] | None:
        """One entry under the name that its model knows; None where a secret's file stands in for it."""
        entry, name = entries[key], key.removesuffix("_file")
        if self._is_file(key, entries, path):
            if name in entries and not entries[name].is_empty:
                sentence = f"{showable(name)} is set as well: keep one of the two"
                self.problems.add(entry.key, f"{dotted((*path, key))}: {sentence}")
                return None
            return name, self._secret(entry, (*path, key))
        if entry.is_empty and self._is_file(f"{key}_file", entries, path):
            return None
        return key, self.read(entry, (*path, key))

    def _is_file(self, key: str, entries: Mapping[str, SourceNode], path: Path) -> bool:
        name = key.removesuffix("_file")
        written = key in entries and not entries[key].is_empty
        return written and name not in {key, ""} and self.is_secret((*path, name))

    def _secret(self, node: SourceNode, path: Path) -> SourceNode:
        """The contents of the file that a node names, or of each file in its list."""
        if isinstance(node.value, tuple):
            files = (self._secret(item, (*path, index)) for index, item in enumerate(node.value))
            return replace(node, value=tuple(files))
        return replace(node, value=self._contents(node, path), literal=True)

    def _contents(self, node: SourceNode, path: Path) -> str | Missing:
        if isinstance(node.value, Missing):
            return MISSING
        try:
            return _secret_in(self.folder, node.value)
        except ValueError as error:
            self.problems.add(node.mark, f"{dotted(path)}: {error}")
            return MISSING


def _secret_in(folder: File, name: object) -> str:
    if not isinstance(name, str) or not name or "\0" in name:
        raise ValueError("expected the path of a file that holds the secret")
    try:
        with (folder / name).open("rb") as file:
            data = file.read(LARGEST_SECRET + 1)
        text = data.decode().rstrip("\r\n")
    except OSError as error:
        reason = error.strerror or "no reason given"
        raise ValueError(f"the secret file cannot be read ({reason})") from None
    except UnicodeDecodeError:
        raise ValueError("the secret file is not UTF-8 text; is it the right one?") from None
    if len(data) > LARGEST_SECRET:
        raise ValueError(f"the secret file is larger than {LARGEST_SECRET // 1024} KiB; is it the right one?")
    if not text.strip():
        raise ValueError("the secret file is empty: write the secret into it")
    return text
