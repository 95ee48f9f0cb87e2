"""Environment variables `NOTIFIER_<SECTION>__<KEY>`, which override keys of plain sections."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Final

import yaml
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from notifier.domain.errors import Problem
from notifier.settings.document import NULL, SourceMark, entries_of, given_node, redacted_name, with_entries
from notifier.settings.model import SettingsFile
from notifier.settings.secrets import is_secret, keys_of, model_at
from notifier.settings.sections import Sections
from notifier.settings.validation_errors import alternatives

PREFIX, NESTED = "NOTIFIER_", "__"
SECTIONS = tuple(sorted(Sections.model_fields))
_SETS_NOTHING = "this variable sets nothing"
_CAN_SET = f"the environment can set {', '.join(SECTIONS)}"
NO_SETTINGS: Final = frozenset({
    "actor", "config", "environment", "key", "key_file", "log_level", "release", "send_in_tests", "service", "spool",
    "url",
})  # fmt: skip
"""Names after the prefix that commands, the client and logging use, and that no setting has."""
_ANNOUNCED = re.compile(
    r"(.*_)?service_(host|port(_.*)?)|(.*_)?port_[0-9]+_(tcp|udp|sctp)(_(addr|port|proto))?"
)
_ADDRESS = re.compile("(tcp|udp|sctp)://")


class EnvironmentSections(Sections, BaseSettings):
    """The sections as set by variables; values are text and parsed like those of a file."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=NESTED, case_sensitive=False, enable_decoding=False
    )


class EnvironSource(EnvSettingsSource):
    """A source for pydantic-settings that reads a given environment, ignoring names without `__`."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = {name.lower(): text for name, text in environ.items() if NESTED in name and text}
        super().__init__(EnvironmentSections)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self._environ


def with_environment(root: yaml.MappingNode, environ: Mapping[str, str]) -> yaml.MappingNode:
    """The document with keys of the environment. A `url` in either replaces a `url_file` in the other.

    Empty variables are ignored.
    """
    sections = entries_of(root)
    marks = {name.lower(): yaml.Mark(_shown(name), 0, 0, 0, None, 0) for name in environ}
    for section, values in EnvironSource(environ)().items():
        key, written = sections.get(section) or (given_node(section, root.start_mark), with_entries(root, {}))
        texts = {name: values[name] for name in _keys(section) if isinstance(values.get(name), str)}
        if texts and (isinstance(written, yaml.MappingNode) or written.tag == NULL):
            meant = {_meant(section, name) for name in texts}
            kept = {
                name: each for name, each in entries_of(written).items() if _meant(section, name) not in meant
            }
            for name, text in texts.items():
                mark = marks[f"{PREFIX}{section}{NESTED}{name}".lower()]
                kept[name] = given_node(name, mark), given_node(text, mark)
            sections[section] = key, with_entries(written, kept)
    return with_entries(root, sections)


def report_misnamed(
    environ: Mapping[str, str], used: Collection[str], problems: set[Problem], warnings: set[Problem]
) -> None:
    """Report variables with the prefix of settings that set nothing, unless the file uses them.

    A name that can only be meant for notifier is a problem. Any other may belong to another program, and is a
    warning.
    """
    for variable, text in environ.items():
        prefix, name = variable[: len(PREFIX)].upper(), variable[len(PREFIX) :].lower()
        is_ours = prefix == PREFIX and text and name not in NO_SETTINGS
        if not is_ours or variable in used or _is_announced(name, text):
            continue
        section, separator, key = name.partition(NESTED)
        if not separator and section not in SettingsFile.model_fields:
            meant = _meant_instead(name) or f": {_CAN_SET}, as {PREFIX}SERVER{NESTED}PORT does"
            warnings.add(_mark(variable).problem(f"{_SETS_NOTHING}{meant}"))
        elif not separator or key not in _keys(section):
            problems.add(_mark(variable).problem(_fault(section, key if separator else None)))


def _fault(section: str, key: str | None) -> str:
    """The sentence about a name in a known section, or of a section, that is no setting."""
    keys = _keys(section)
    if keys and key is not None:
        return f"`{section}` has no such key; {alternatives(key, keys)}"
    if keys:
        example = f"{PREFIX}{section}{NESTED}{min(keys)}".upper()
        return f"{_SETS_NOTHING}: each key of `{section}` has its own, such as {example}"
    if section in SettingsFile.model_fields:
        return f"{_CAN_SET}; `{section}` is set in the file, where a value may be a variable, as ${{NAME}}"
    return f"{_CAN_SET}; there is no such section among them{_meant_instead(f'{section}_{key}')}"


def _meant_instead(name: str) -> str:
    """The end of a sentence about a name: the setting with the most similar name, if there is one."""
    settings = {(section, key): f"{section}{NESTED}{key}" for section in SECTIONS for key in _keys(section)}
    known = (
        {key: full for (_, key), full in settings.items()}
        | {name: name for name in NO_SETTINGS}
        | {f"{section}_{key}": full for (section, key), full in settings.items()}
    )
    close = get_close_matches(name[:64], sorted(known), n=1, cutoff=0.75)
    if not close:
        return ""
    return f"; did you mean {PREFIX}{known[close[0]].upper()}{', with two `_`?' if close[0] == name else '?'}"


def _is_announced(name: str, text: str) -> bool:
    """Whether Kubernetes or Docker sets the variable for a service or container named `notifier` or similar."""
    is_address = name.endswith("port") and _ADDRESS.match(text) is not None
    return is_address or _ANNOUNCED.fullmatch(name) is not None


def _mark(variable: str) -> SourceMark:
    return SourceMark(file=_shown(variable))


def _shown(variable: str) -> str:
    return redacted_name(variable).strip("`")


def _keys(section: str) -> frozenset[str]:
    return keys_of(model_at(Sections, (section,)))


def _meant(section: str, name: str) -> str:
    """The key that a name sets: `x_file` sets `x` if that is a secret."""
    key = name.removesuffix("_file")
    return key if is_secret(Sections, (section, key)) else name
