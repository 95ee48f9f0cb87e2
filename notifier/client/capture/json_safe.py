"""Converts an application's objects to JSON values without running its code.

No `__repr__`, `__str__`, property or iterator of a non-builtin class is called: it may raise, recurse, take a second,
query a database or return a megabyte. Such an object is shown by its type's name.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from types import FunctionType
from typing import Any, Final
from uuid import UUID

TEXT_CHARS: Final = 1_500
MESSAGE_CHARS: Final = 3_000
KEY_CHARS: Final = 200
WIDTH: Final = 50
DEPTH: Final = 6
BUDGET: Final = 16_384
SLOW_S: Final = 0.05
STALLED_S: Final = 0.5
STRIKES: Final = 2
STRIKES_WITHIN_S: Final = 60.0
INT_BITS: Final = 63
WIDEST: Final = 6
"""The maximum bytes of JSON per unit of the budget: control characters are escaped, and numbers are long."""
CUT: Final = "..."

_SIMPLE: Final = frozenset({str, int, float, bool, type(None)})
_slow: dict[type, tuple[float, ...]] = {}
"""The times at which a class's own `__str__` was slow."""


def type_name(value: object) -> str:
    """`int`, `billing.models.Order`; `object` for a class that hides its name."""
    return name_of(type(value))


def name_of(kind: type) -> str:
    """The name of a class with its module, except for builtins."""
    return full_name(kind).removeprefix("builtins:").replace(":", ".")


def full_name(kind: type) -> str:
    """`module:Name`."""
    try:
        module, name = type.__getattribute__(kind, "__module__"), type.__getattribute__(kind, "__qualname__")
    except Exception:  # noqa: BLE001 - a metaclass may do anything
        return "builtins:object"
    return f"{module}:{name.rpartition('.')[2]}"


def message_of(error: BaseException) -> str:
    """The message of an exception, at most 3,000 characters.

    A `__str__` written in Python that was slow twice within a minute is not called again for a minute. One that never
    returns blocks the caller: calling it in another thread would run the application's code where it does not expect
    it, and an asynchronous exception may arrive after it has returned.
    """
    kind = type(error)
    try:
        return _cut(_message(error, kind), MESSAGE_CHARS)
    except BaseException as failure:  # noqa: BLE001 - SystemExit comes out of a `__str__`, too
        return f"<its message could not be read: {name_of(type(failure))}>"


def _message(error: BaseException, kind: type) -> str:
    """The message by the class's `__str__`. The interpreter's own is only called if it runs no other code."""
    owner, method = _str_owner(kind)
    if isinstance(method, FunctionType):
        return _timed_message(error, kind)
    if owner not in _SHOW_WHAT_THEY_HOLD or all(_is_safe(value, DEPTH) for value in _shown_values(error)):
        return str.__str__(str(error))
    values = [plain(value) for value in error.args[:WIDTH]]
    return str(values[0] if len(values) == 1 else tuple(values))


def _str_owner(kind: type) -> tuple[type, object]:
    for base in type.__getattribute__(kind, "__mro__"):
        method = type.__getattribute__(base, "__dict__").get("__str__")
        if method is not None:
            return base, method
    return object, object.__str__


def _timed_message(error: BaseException, kind: type) -> str:
    """The message by a `__str__` written in Python. CPU time is measured, so a busy machine disables no class."""
    now = time.monotonic()
    strikes = tuple(at for at in _slow.get(kind, ()) if now - at < STRIKES_WITHIN_S)
    if len(strikes) >= STRIKES:
        return f"<its message was not read: it took too long {len(strikes)} times>"
    worked = time.thread_time()
    try:
        return str.__str__(str(error))
    finally:
        if time.thread_time() - worked > SLOW_S or time.monotonic() - now > STALLED_S:
            _slow[kind] = (*strikes, now)


def _shown_values(error: BaseException) -> list[object]:
    """The values that the interpreter's `__str__` would show."""
    held: list[object] = [*error.args]
    if issubclass(type(error), OSError):
        held += [getattr(error, name) for name in ("filename", "filename2")]
    return held


def _is_safe(value: object, depth: int) -> bool:
    """Whether converting the value to a string runs no application code, and is fast."""
    kind = type(value)
    if kind in _SIMPLE or kind is bytes or kind is type:
        return True
    if kind in _CONTAINERS:
        inner: Any = [*value, *value.values()] if isinstance(value, dict) else value
        return depth > 0 and len(inner) <= 2 * WIDTH and all(_is_safe(item, depth - 1) for item in inner)
    return issubclass(kind, _OF_THE_LIBRARY) and kind.__module__.partition(".")[0] in _STANDARD


def plain(value: Any, *, budget: int = BUDGET) -> Any:
    """The value as JSON of about `budget` characters at most. Cut values end in `...`."""
    if type(value) in _SIMPLE and type(value) is not float and (type(value) is not str or len(value) < 200):
        return value if type(value) is not int or -(2**INT_BITS) <= value < 2**INT_BITS else _integer(value)
    try:
        return _Plain(budget).of(value, DEPTH)
    except BaseException:  # noqa: BLE001 - a dict that another thread changes, a hostile subclass
        return f"<{type_name(value)}>"


class _Plain:
    """The conversion of one value."""

    def __init__(self, budget: int) -> None:
        self._left = budget
        self.cut = False

    def of(self, value: Any, depth: int) -> Any:
        kind = type(value)
        self._left -= 8
        if value is None or kind is bool:
            return value
        for family, show in _SCALARS:
            if issubclass(kind, family):
                text = show(value)
                return self._text(text) if type(text) is str else text
        return self._inner(value, kind, depth)

    def _inner(self, value: Any, kind: type, depth: int) -> Any:
        if not issubclass(kind, _CONTAINERS):
            return f"<{name_of(kind)}>"
        if depth == 0 or self._left <= 0:
            self.cut = True
            return CUT
        if issubclass(kind, dict):
            return self._mapping(dict.items(value), depth)
        family = next(container for container in _CONTAINERS if issubclass(kind, container))
        return self._items(family.__iter__(value), depth)

    def _text(self, text: str) -> str:
        cut = _cut(text, max(0, min(TEXT_CHARS, self._left)))
        self.cut = self.cut or cut is not text
        self._left -= len(cut)
        return cut

    def _mapping(self, items: Any, depth: int) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key, inner in items:
            if len(mapping) == WIDTH or self._left <= 0:
                self.cut = True
                mapping[CUT] = CUT
                break
            name = key if type(key) is str else str(self.of(key, 0))
            mapping[name[:KEY_CHARS]] = self.of(inner, depth - 1)
        return mapping

    def _items(self, items: Any, depth: int) -> list[Any]:
        values: list[Any] = []
        for inner in items:
            if len(values) == WIDTH or self._left <= 0:
                self.cut = True
                values.append(CUT)
                break
            values.append(self.of(inner, depth - 1))
        return values


def is_json(value: object, *, budget: int) -> bool:
    """Whether the value survives a round trip through JSON, in at most `budget` bytes as the service counts them."""
    try:
        left = _json_size(value, budget, 50)
        if left < 0 or (budget - left) * WIDEST <= budget:
            return left >= 0
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return len(text.encode("utf-8", "surrogatepass")) <= budget
    except BaseException:  # noqa: BLE001 - as in `plain`
        return False


def _json_size(value: Any, left: int, depth: int) -> int:
    """The remaining budget after the smallest encoding of the value. Negative if it is too large, or not JSON."""
    kind = type(value)
    if kind not in _SIMPLE:
        return _json_inner(value, left, depth)
    if kind is str:
        return left - len(value) - 2
    if kind is float and not math.isfinite(value):
        return -1
    if kind is int and not -(2**INT_BITS) <= value < 2**INT_BITS:
        return -1
    return left - 5


def _json_inner(value: Any, left: int, depth: int) -> int:
    kind = type(value)
    if depth == 0 or kind not in {dict, list}:
        return -1
    if kind is dict and not all(type(key) is str for key in value):
        return -1
    inner = [*value, *value.values()] if kind is dict else value
    for item in inner:
        left = _json_size(item, left, depth - 1)
        if left < 0:
            return -1
    return left - 2


def arguments(args: tuple[object, ...], kwargs: Mapping[str, object]) -> dict[str, Any]:
    """The types of the arguments, which a report shows if their values are not stored."""
    return {
        "args": [type_name(value) for value in args[:WIDTH]],
        "kwargs": {name: type_name(kwargs[name]) for name in list(kwargs)[:WIDTH]},
    }


def _enum(member: Enum) -> str:
    return f"{name_of(type(member))}.{object.__getattribute__(member, '_name_')}"


def _float(number: float) -> float | str:
    plain_number = float.__add__(number, 0.0)
    return plain_number if math.isfinite(plain_number) else str(plain_number)


def _library_text(value: object) -> str:
    """`str()` of an instance of a standard library class. For subclasses, the type's name."""
    kind = type(value)
    return str(value) if kind.__module__.partition(".")[0] in _STANDARD else f"<{name_of(kind)}>"


def _bytes_text(value: bytes | bytearray) -> str:
    size = bytes.__len__(value) if isinstance(value, bytes) else bytearray.__len__(value)
    return f"<{type_name(value)} of {size}>"


def _error(error: BaseException) -> str:
    return f"{name_of(type(error))}: {message_of(error)}"


def _integer(number: int) -> int | str:
    number = int.__add__(number, 0)
    bits = number.bit_length()
    return number if bits <= INT_BITS else f"<int of {bits} bits>"


def _cut(text: str, chars: int) -> str:
    return text if len(text) <= chars else text[:chars] + CUT


_OF_THE_LIBRARY: Final = (datetime, date, time_of_day, timedelta, UUID, Decimal, PurePath)
_SHOW_WHAT_THEY_HOLD: Final = frozenset({BaseException, KeyError, OSError, SyntaxError, ImportError})
_STANDARD: Final = frozenset({"datetime", "uuid", "decimal", "pathlib"})
_CONTAINERS: Final = (dict, list, tuple, set, frozenset)
# In this order, because members of an enumeration may also be strings or numbers.
_SCALARS: Final[tuple[tuple[Any, Callable[[Any], Any]], ...]] = (
    (Enum, _enum),
    (str, str.__str__),
    (int, _integer),
    (float, _float),
    ((bytes, bytearray), _bytes_text),
    (_OF_THE_LIBRARY, _library_text),
    (BaseException, _error),
)
