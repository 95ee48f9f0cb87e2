"""Conversion of pydantic's errors to sentences for people, which never repeat the value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError, ValidationInfo, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import ErrorDetails, InitErrorDetails

from notifier.domain.errors import Problem
from notifier.settings.document import MISSING, Path, SourceFile, dotted, redacted_name
from notifier.settings.secrets import keys_of, model_at
from notifier.settings.values import TEXT_EXPECTED

# Alertmanager's names of settings, with ours.
_FOREIGN = {
    "channels": "receiver receivers",
    "match": "matchers match_re",
    "source": "source_matchers source_match source_match_re",
    "target": "target_matchers target_match target_match_re",
    "inhibit": "inhibit_rules",
    "time_intervals": "mute_time_intervals",
    "mute_time_intervals": "mute_times",
    "active_time_intervals": "active_times",
}
_OURS = {foreign: name for name, words in _FOREIGN.items() for foreign in words.split()}
_SENTENCES = {
    "expected a mapping of keys and values": "model_type model_attributes_type dataclass_type dict_type",
    "expected a list, such as [a, b]": "list_type tuple_type set_type frozen_set_type",
    "expected a whole number": "int_type int_parsing int_from_float int_parsing_size",
    "expected a number": "float_type float_parsing",
    "expected true or false": "bool_type bool_parsing",
    "expected {expected}": "literal_error enum",
    "expected another {discriminator}": "union_tag_invalid union_tag_not_found",
    TEXT_EXPECTED: "string_type",
    "has characters that do not belong there, or is empty": "string_pattern_mismatch",
    "expected a number of more than {gt}": "greater_than",
    "expected a number of at least {ge}": "greater_than_equal",
    "expected a number of less than {lt}": "less_than",
    "expected a number of at most {le}": "less_than_equal",
}
_OF_KINDS = {kind: sentence for sentence, kinds in _SENTENCES.items() for kind in kinds.split()}
_SHOULD = re.compile(r"[\w ]+ should (?:be|have|match) ([^,]*?)(?: after validation.*|,.*)?", re.DOTALL)


Fault = tuple[Path, str]
"""A fault of a list: the path of the item, or `()` for the list, and the sentence."""


def alternatives(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: the closest match, or all known names."""
    names = sorted(known)
    close = difflib.get_close_matches(name[:64], names, n=1)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"expected one of {', '.join(names)}" if names else "none is defined"


def unknown_key(key: str, known: Iterable[str]) -> str:
    """The sentence about an unknown key."""
    names = frozenset(known)
    if _OURS.get(key) in names:
        return f"unknown key `{key}`; here it is called `{_OURS[key]}`"
    return f"unknown key {redacted_name(key)}; {alternatives(key, names)}"


def checked(faults: Callable[[Sequence[Any], Any], Iterable[Fault]]) -> WrapValidator:
    """A validator of a list that reports faults together with the errors of single items.

    `faults` is called with the parsed items, None for an invalid one, and the validation context.
    """

    def check(value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        wrong: list[tuple[Any, Path, Any]] = []
        try:
            read = handler(value)
        except ValidationError as error:
            wrong += [
                (each["type"], each["loc"], each.get("ctx", {})) for each in error.errors(include_url=False)
            ]
            read = [_alone(item, handler) for item in value] if isinstance(value, list) else ()
        wrong += [
            ("value_error", at, {"error": ValueError(fault)}) for at, fault in faults(read, info.context)
        ]
        if wrong:
            details = [InitErrorDetails(type=kind, loc=at, input=None, ctx=ctx) for kind, at, ctx in wrong]
            raise ValidationError.from_exception_data("", details)
        return read

    return WrapValidator(check)


def unique(
    sentence: Callable[[Any, int, Any], str], by: Callable[[Any], Any] = lambda item: item
) -> WrapValidator:
    """A validator that items are unique.

    `sentence` is called with the item, the index of the first, and the context.
    """

    def faults(items: Sequence[Any], context: Any) -> Iterator[Fault]:
        keys = [None if item is None else by(item) for item in items]
        for index, key in enumerate(keys):
            if key is not None and key in keys[:index]:
                yield (index,), sentence(key, keys.index(key), context)

    return checked(faults)


def _alone(item: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler([item])[0]
    except ValidationError:
        return None


def problems_of(
    error: ValidationError,
    model: type[BaseModel],
    data: Any,
    source: SourceFile,
    *,
    within: Path = (),
    above: Path = (),
    by_key: bool = False,
) -> Iterator[Problem]:
    """Problems of an error that was raised `within` the model of `data`, which is at the path `above`.

    A problem has the place of its value, or of its key if `by_key`. `MISSING` values are skipped, since they have a
    problem already.
    """
    for each in error.errors(include_url=False, include_input=False):
        *around, last = (*within, *each["loc"]) or ("",)
        path, value = _written(data, (*around, last))
        parent, _ = _written(data, tuple(around))
        block = model_at(model, parent)
        match each["type"]:
            case "extra_forbidden":
                yield _unknown_key(block, above + parent, str(last), source)
            case "missing":
                at_key = by_key or last in getattr(block, "missing", ())
                sentence = f"`{last}` is missing{_how_to_write(block, str(last))}"
                yield source.problem(above + parent, sentence, at_key=at_key)
            case _ if value is not MISSING:
                yield source.problem(above + path, _sentence(each, model_at(model, path)), at_key=by_key)


def _unknown_key(block: Any, around: Path, key: str, source: SourceFile) -> Problem:
    refused: Mapping[str, str] = getattr(block, "refused", {})
    if key in refused:
        return source.problem((*around, key), refused[key], at_key=True)
    within = f"{dotted(around)}: " if around else ""
    return source.key((*around, key)).problem(f"{within}{unknown_key(key, {*keys_of(block), *refused})}")


def _how_to_write(block: Any, name: str) -> str:
    own = getattr(block, "missing", {}).get(name)
    if own is not None:
        return f": {own}"
    example = getattr(block, "example", "")
    return f": write it as {example}" if example else ""


def _sentence(error: ErrorDetails, model: Any) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind in {"value_error", "assertion_error"}:
        return str(context["error"])
    if kind == "model_type" and hasattr(model, "expected"):
        return f"expected {model.expected}"
    if kind in _OF_KINDS:
        return _OF_KINDS[kind].format(**context)
    should = _SHOULD.fullmatch(error["msg"])
    return error["msg"] if should is None else f"expected {should[1]}"


def _written(data: Any, loc: Path) -> tuple[Path, Any]:
    """The path in the data for a location in the model, which may have an index for a list of one; and the value."""
    path: list[str | int] = []
    for step in loc:
        is_item = isinstance(data, list | tuple) and isinstance(step, int) and step < len(data)
        if is_item or (isinstance(data, Mapping) and step in data):
            data = data[step]
            path.append(step)
    return tuple(path), data
