"""Names that a file defines, and lists that refer to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from notifier.domain.matcher import Matcher, parse_all
from notifier.settings.document import SourceFile, redacted_name
from notifier.settings.validation_errors import alternatives, unique
from notifier.settings.values import Scalar, ScalarForm, expect, text

CHANNEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinedNames:
    """The validation context: all names that the file defines, even with errors, so that each is reported once.

    `source` has the places of values, for errors that mention another place.
    """

    channels: frozenset[str]
    intervals: frozenset[str]
    holidays: frozenset[str]
    source: SourceFile


def defined_in(data: Mapping[str, Any], source: SourceFile) -> DefinedNames:
    """The names of channels, time intervals and lists of holidays."""
    intervals = data.get("time_intervals")
    named = (
        [each.get("name") for each in intervals if isinstance(each, dict)]
        if isinstance(intervals, list)
        else ()
    )
    names = frozenset(name for name in named if isinstance(name, str))
    channels, holidays = _keys(data.get("channels")), _keys(data.get("holidays"))
    return DefinedNames(channels=channels, intervals=names, holidays=holidays, source=source)


def _keys(value: Any) -> frozenset[str]:
    entries = value.items() if isinstance(value, dict) else ()
    return frozenset(key for key, entry in entries if entry is not None)


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """Annotation of a list: an example, and the error for an empty list if that is not allowed."""

    example: str
    empty: str | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        return {**handler(schema), **({} if self.empty is None else {"minItems": 1})}

    def _check(self, value: Any) -> Any:
        expect(isinstance(value, list | tuple), f"expected a list, such as {self.example}")
        if self.empty is not None and not value:
            raise ValueError(self.empty)
        return value


def filled(example: str) -> Listed:
    """A list that must not be empty, since an empty one could mean always as well as never."""
    return Listed(example, empty=f"the list is empty: write one such as {example}, or remove the key")


def _matchers(value: Scalar) -> tuple[Matcher, ...]:
    if isinstance(value, str):
        return parse_all(value)
    raise ValueError("expected a matcher in quotes, such as 'severity=\"critical\"'")


def _label(value: Scalar) -> str:
    name = text(value)
    expect(name != "...", "`...` is not known here; [incident] makes every incident its own group")
    return name


def _among(names: str, sentence: str) -> AfterValidator:
    """A validator that a name is one of those that the file defines."""

    def check(name: str, info: ValidationInfo[Any]) -> str:
        defined = getattr(info.context, names)
        if name not in defined:
            raise ValueError(f"{redacted_name(name)} {sentence}; {alternatives(name, defined)}")
        return name

    return AfterValidator(check)


# In the schema a name is just text.
_NAME: dict[str, Any] = {"type": "string"}
_Name = Annotated[str, ScalarForm(text, _NAME)]
_ONCE = unique(lambda name, _first, _context: f"{redacted_name(name)} is named twice")
ChannelName = Annotated[_Name, _among("channels", "is not a channel that is defined")]
HolidaysName = Annotated[_Name, _among("holidays", "is no list of `holidays`")]
ChannelNames = Annotated[tuple[ChannelName, ...], _ONCE, Listed("[team-mail]")]
IntervalNames = Annotated[
    tuple[Annotated[_Name, _among("intervals", "is not one of `time_intervals`")], ...],
    _ONCE,
    Listed("[offhours]"),
]
Matchers = tuple[Annotated[tuple[Matcher, ...], ScalarForm(_matchers, _NAME)], ...]
Labels = Annotated[tuple[Annotated[str, ScalarForm(_label, _NAME)], ...], _ONCE]
MATCHERS = """['severity="critical"']"""


def flat(matchers: Matchers) -> tuple[Matcher, ...]:
    """All matchers in sequence; the text of an item may hold several."""
    return tuple(matcher for some in matchers for matcher in some)
