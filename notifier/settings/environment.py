"""`NOTIFIER_<SECTION>__<KEY>` sets one key of a plain section, and wins over the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from notifier.domain.errors import Problem
from notifier.settings.complaints import alternatives
from notifier.settings.document import SourceFile, SourceMark, showable
from notifier.settings.secrets import is_secret, keys_of, model_at
from notifier.settings.sections import Sections

PREFIX, NESTED = "NOTIFIER_", "__"
SECTIONS = tuple(sorted(Sections.model_fields))


class EnvironmentSections(Sections, BaseSettings):
    """The sections as variables set them: with values as text, which is read as a file's is."""

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


def apply(
    data: dict[str, Any],
    source: SourceFile,
    environ: Mapping[str, str],
    problems: set[Problem],
    warnings: set[Problem],
) -> None:
    """Set the environment's keys in the file's data; a `url` in the one replaces a `url_file` in the other.

    An empty variable sets nothing. One that looks like a key written with a single `_` gets a warning.
    """
    environ = dict(sorted(environ.items()))
    variables = {name.lower(): _checked(name, problems, warnings) for name, text in environ.items() if text}
    for section, values in EnvironSource(environ)().items():
        written = {} if data.get(section) is None else data[section]
        known = [key for key in _keys(section) if isinstance(values.get(key), str)]
        if not known or not isinstance(written, dict):
            continue
        meant = {_meant(section, key) for key in known}
        kept = {key: value for key, value in written.items() if _meant(section, key) not in meant}
        data[section] = kept | {key: values[key] for key in known}
        for key in known:
            mark = variables[f"{PREFIX}{section}{NESTED}{key}".lower()]
            source.given[section, key] = (mark, mark)


def _keys(section: str) -> frozenset[str]:
    return keys_of(model_at(Sections, (section,)))


def _meant(section: str, name: str) -> str:
    """The key that a name sets: `x_file` sets `x` where that is a secret."""
    key = name.removesuffix("_file")
    return key if is_secret(Sections, (section, key)) else name


def _checked(variable: str, problems: set[Problem], warnings: set[Problem]) -> SourceMark:
    """The place of a variable; one that is meant for notifier and sets nothing is noted."""
    mark = SourceMark(file=showable(variable).strip("`"), line=1, column=1)
    prefix, name = variable[: len(PREFIX)].upper(), variable[len(PREFIX) :].lower()
    section, separator, key = name.partition(NESTED)
    known = _keys(section)
    if prefix != PREFIX:
        return mark
    if not separator:
        for other in SECTIONS:
            if name.removeprefix(f"{other}_") in _keys(other) - {name}:
                meant = f"{PREFIX}{other}{NESTED}{name.removeprefix(f'{other}_')}".upper()
                warnings.add(mark.problem(f"this variable sets nothing; did you mean {meant}, with two `_`?"))
    elif not known:
        sentence = f"the environment can set {', '.join(SECTIONS)}; there is no such section among them"
        problems.add(mark.problem(sentence))
    elif key not in known:
        problems.add(mark.problem(f"`{section}` has no such key; {alternatives(key, known)}"))
    return mark
