"""The base of values that are made for every event and every message.

A frozen dataclass sets its fields one by one through `object.__setattr__`: one of fourteen fields takes five
microseconds, a Struct one. Values that are made seldom stay dataclasses.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


class Value(msgspec.Struct, frozen=True):
    """An immutable value, equal to another one of its class with equal fields."""


def replace(value: T, /, **changes: Any) -> T:
    """A copy of a value, or of a dataclass's instance, with these fields changed."""
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(value, **changes)
    return dataclasses.replace(value, **changes)  # type: ignore[type-var]
