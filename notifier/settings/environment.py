"""`NOTIFIER_<SECTION>__<KEY>` sets one key of a plain section, and wins over the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from notifier.settings.complaints import alternatives
from notifier.settings.document import Problems, SourceMark, SourceNode, showable
from notifier.settings.secrets import is_secret, keys_at
from notifier.settings.sections import Sections

PREFIX = "NOTIFIER_"
NESTED = "__"
SECTIONS = tuple(sorted(Sections.model_fields))


class EnvironmentSections(Sections, BaseSettings):
    """The sections as variables may set them; values are text, which the sections read as a file's."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=NESTED, case_sensitive=False, enable_decoding=False
    )


class EnvironSource(EnvSettingsSource):
    """Reads a given environment, of which names without `__` are left alone.

    They may be anybody's: Kubernetes announces a service called `notifier` as `NOTIFIER_PORT`.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = {name.lower(): text for name, text in environ.items() if NESTED in name and text}
        super().__init__(EnvironmentSections)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self._environ


def apply(root: SourceNode, environ: Mapping[str, str], problems: Problems, warnings: Problems) -> SourceNode:
    """The document with the environment's keys; a `url` in the one replaces a `url_file` in the other.

    An empty variable sets nothing. One that looks like a key written with a single `_` gets a warning.
    """
    variables = {name.lower(): name for name, text in environ.items() if text}
    for name in sorted(variables.values()):
        _check(name, problems, warnings)
    written = dict(root.value) if isinstance(root.value, Mapping) else {}
    for section, values in EnvironSource(environ)().items():
        keys = dict(_nodes(section, values, variables))
        if keys:
            written[section] = _merged(section, written.get(section), keys)
    return replace(root, value=written)


def _nodes(
    section: str, values: Mapping[str, Any], variables: Mapping[str, str]
) -> Iterator[tuple[str, SourceNode]]:
    for key in sorted(values.keys() & keys_at(Sections, (section,))):
        variable = variables.get(f"{PREFIX}{section}{NESTED}{key}".lower())
        if variable is not None:
            mark = _mark(variable)
            yield key, SourceNode(value=values[key], mark=mark, key=mark, literal=True)


def _merged(section: str, node: SourceNode | None, keys: Mapping[str, SourceNode]) -> SourceNode:
    if node is None or node.is_empty:
        first = next(iter(keys.values()))
        return SourceNode(value=keys, mark=first.mark, key=first.key)
    if not isinstance(node.value, Mapping):
        return node
    replaced = {_meant(section, name) for name in keys}
    kept = {name: entry for name, entry in node.value.items() if _meant(section, name) not in replaced}
    return replace(node, value={**kept, **keys})


def _meant(section: str, name: str) -> str:
    """The key that a name sets: `x_file` sets `x` where that is a secret."""
    key = name.removesuffix("_file")
    return key if is_secret(Sections, (section, key)) else name


def _check(variable: str, problems: Problems, warnings: Problems) -> None:
    """Note a variable that is meant for notifier and sets nothing."""
    if not variable.upper().startswith(PREFIX):
        return
    section, separator, key = variable[len(PREFIX) :].lower().partition(NESTED)
    known = keys_at(Sections, (section,))
    if not separator:
        _hint(section, variable, warnings)
    elif not known:
        sentence = f"the environment can set {', '.join(SECTIONS)}; there is no such section among them"
        problems.add(_mark(variable), sentence)
    elif key not in known:
        problems.add(_mark(variable), f"`{section}` has no such key; {alternatives(key, known)}")


def _hint(name: str, variable: str, warnings: Problems) -> None:
    for section in SECTIONS:
        key = name.removeprefix(f"{section}_")
        if key != name and key in keys_at(Sections, (section,)):
            meant = f"{PREFIX}{section}{NESTED}{key}".upper()
            warnings.add(_mark(variable), f"this variable sets nothing; did you mean {meant}, with two `_`?")


def _mark(variable: str) -> SourceMark:
    return SourceMark(file=showable(variable).strip("`"), line=1, column=1)
