"""Reads nodes into values; notes what is wrong and goes on, so that every problem is shown at once."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePath
from typing import TypeVar

from notifier.settings.document import MISSING, Missing, Node, Problems, showable
from notifier.settings.model import Mark
from notifier.settings.values import Scalar

T = TypeVar("T")

LARGEST_SECRET = 64 * 1024

# What users of Alertmanager write, and what it is called here.
_FOREIGN = {
    "receiver": "channels",
    "receivers": "channels",
    "matchers": "match",
    "match_re": "match",
    "resolve_timeout": "auto_resolve",
    "inhibit_rules": "inhibit",
    "source_matchers": "source",
    "source_match": "source",
    "source_match_re": "source",
    "target_matchers": "target",
    "target_match": "target",
    "target_match_re": "target",
    "mute_time_intervals": "time_intervals",  # the older name of the section
    "mute_times": "mute_time_intervals",
    "active_times": "active_time_intervals",
}


def below(path: str, key: str) -> str:
    """The path of a key, as problems show it: `channels.team-mail.smtp`."""
    shown = showable(key).strip("`")
    return f"{path}.{shown}" if path else shown


def line(mark: Mark) -> str:
    """`notifier.yaml:12`: the file without its folder, as messages show it to people elsewhere."""
    return f"{PurePath(mark.file).name}:{mark.line}"


def alternatives(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about a name that is not known: the close match, else what there is."""
    names = sorted(known)
    close = difflib.get_close_matches(name[:64], names, n=1)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"expected one of {', '.join(names)}" if names else "none is defined"


class Reader:
    """Reads one file. Relative paths of secret files start at `folder`, where the configuration is."""

    def __init__(self, problems: Problems, folder: Path) -> None:
        self.problems = problems
        self._folder = folder

    def entries(self, node: Node | None, path: str) -> Mapping[str, Node]:
        """A mapping's entries without those that nothing was written for."""
        if node is None or node.is_empty or node.value is MISSING:
            return {}
        if not isinstance(node.value, Mapping):
            self.complain(node.mark, path, "expected a mapping of keys and values")
            return {}
        return {key: entry for key, entry in node.value.items() if not entry.is_empty}

    def only(self, node: Node | None, path: str, known: Iterable[str]) -> None:
        """Note every key that is not known."""
        names = frozenset(known)
        if node is None or not isinstance(node.value, Mapping):
            return
        for key, entry in node.value.items():
            if key not in names:
                self.problems.add(entry.key, f"{_within(path)}{_unknown(key, names)}")

    def needs(self, node: Node, path: str, names: Iterable[str], example: str) -> bool:
        """Whether a mapping has all of these; what is missing is noted."""
        entries = self.entries(node, path)
        missing = [name for name in sorted(names) if name not in entries]
        if isinstance(node.value, Mapping) or node.is_empty:
            for name in missing:
                self.complain(node.mark, path, f"`{name}` is missing: write it as {example}")
        return not missing

    def items(self, node: Node, path: str, example: str) -> tuple[Node, ...]:
        if isinstance(node.value, tuple):
            return node.value
        if node.value is not MISSING:
            self.complain(node.mark, path, f"expected a list, such as {example}")
        return ()

    def value(self, node: Node, path: str, read: Callable[[Scalar], T]) -> T | None:
        """What `read` makes of a scalar; None where it is wrong, which is noted."""
        if isinstance(node.value, Missing):
            return None
        if isinstance(node.value, (Mapping, tuple)):
            kind = "mapping" if isinstance(node.value, Mapping) else "list"
            self.complain(node.mark, path, f"expected a single value, not a {kind}")
            return None
        try:
            return read(node.value)
        except ValueError as error:
            self.complain(node.mark, path, str(error))
            return None

    def secret(self, node: Node, path: str) -> Node:
        """The node with the contents of the file that it names, or of each file in its list."""
        if isinstance(node.value, tuple):
            files = (self.secret(item, f"{path}[{index}]") for index, item in enumerate(node.value))
            return Node(value=tuple(files), mark=node.mark, key=node.key)
        return Node(value=self._contents(node, path), mark=node.mark, key=node.key)

    def complain(self, mark: Mark, path: str, message: str) -> None:
        self.problems.add(mark, f"{path}: {message}")

    def _contents(self, node: Node, path: str) -> str | Missing:
        if isinstance(node.value, Missing):
            return MISSING
        if not isinstance(node.value, str) or not node.value or "\0" in node.value:
            self.complain(node.mark, path, "expected the path of a file that holds the secret")
            return MISSING
        try:
            with (self._folder / node.value).open("rb") as file:
                data = file.read(LARGEST_SECRET + 1)
            return _secret(data)
        except OSError as error:
            self.complain(
                node.mark, path, f"the secret file cannot be read ({error.strerror or 'no reason given'})"
            )
        except ValueError as error:
            self.complain(node.mark, path, str(error))
        return MISSING


def _secret(data: bytes) -> str:
    if len(data) > LARGEST_SECRET:
        raise ValueError(f"the secret file is larger than {LARGEST_SECRET // 1024} KiB; is it the right one?")
    try:
        text = data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("the secret file is not UTF-8 text; is it the right one?") from None
    if not text.strip():
        raise ValueError("the secret file is empty: write the secret into it")
    return text


def _within(path: str) -> str:
    return f"{path}: " if path else ""


def _unknown(key: str, known: frozenset[str]) -> str:
    if _FOREIGN.get(key) in known:
        return f"unknown key `{key}`; here it is called `{_FOREIGN[key]}`"
    return f"unknown key {showable(key)}; {alternatives(key, known)}"
