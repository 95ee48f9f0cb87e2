"""Scalars of the file: parsing, and their JSON Schema.

A reader accepts what YAML or the environment provides. It returns the value, or raises `ValueError` with a sentence
that says what is expected and never repeats the value, which may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from notifier.domain.postgres_address import postgres_address
from notifier.domain.time import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    UNITS,
    WEEK,
    Duration,
    parse_duration,
    parse_positive_duration,
)

Scalar = None | bool | int | float | str
Schema = dict[str, Any]

Network = IPv4Network | IPv6Network

LARGEST_SIZE = 2**62
LARGEST_COUNT = 1_000_000_000
TEXT_EXPECTED = "expected text on one line (in quotes where YAML would read a number or true or false)"

_SIZE = re.compile(r"([0-9]{1,19}) ?([KMGT]i?)?B?")
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_RATE = re.compile(r"([0-9]{1,15}) ?/ ?([0-9a-z]{1,32})")
_PERIODS = {"second": SECOND, "minute": MINUTE, "hour": HOUR, "day": DAY, "week": WEEK} | UNITS
_NAME = re.compile(r"\w([\w.-]{0,251}[\w.])?")
_LIKE_IPV4 = re.compile(r"[0-9.]+")
_WHOLE = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True, eq=False)
class ScalarForm:
    """Annotation of a setting's type: its reader, and its JSON Schema.

    In code a value may be given in its final form, such as a duration in milliseconds; in a file `10` is no duration.
    """

    read: Callable[[Scalar], Any]
    schema: Mapping[str, Any]

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._value)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: Any) -> dict[str, Any]:
        return dict(self.schema)

    def _value(self, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, dict | list):
            kind = "mapping" if isinstance(value, dict) else "list"
            raise ValueError(f"expected a single value, not a {kind}")  # noqa: TRY004 - pydantic collects these
        is_read = info.context is not None or isinstance(value, str)
        return self.read(value) if is_read else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """At most `count` in every `per` milliseconds."""

    count: int
    per: Duration


def expect(holds: object, sentence: str) -> None:
    """Raise `ValueError` with the sentence unless `holds`."""
    if not holds:
        raise ValueError(sentence)


def size(value: Scalar) -> int:
    """Parse a size in bytes: `10GB` (powers of 1000), `256KiB` (powers of 1024), or a plain number."""
    parts = _SIZE.fullmatch(str(value))
    if parts is None:
        raise ValueError("expected a size such as 10GB, 256KiB or 8MiB, or a whole number of bytes")
    unit = parts[2] or ""
    result: int = int(parts[1]) * (1024 if unit.endswith("i") else 1000) ** _POWERS[unit[:1]]
    expect(0 < result <= LARGEST_SIZE, "expected a size greater than 0 and smaller than 4EiB")
    return result


def rate(value: Scalar) -> Rate:
    """Parse a rate: `30/hour`, `600000/minute` or `30/10m`."""
    parts = _RATE.fullmatch(str(value))
    if parts is None:
        raise ValueError("expected a rate such as 30/hour, 600000/minute or 30/10m")
    return Rate(count=count(parts[1]), per=_PERIODS.get(parts[2]) or _period(parts[2]))


def whole_number(lowest: int, highest: int) -> Callable[[Scalar], int]:
    """A reader of whole numbers in a range, also as text, since variables are always text."""

    def read(value: Scalar) -> int:
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise ValueError(f"expected a whole number from {lowest} to {highest}")
        return value

    return read


count = whole_number(1, LARGEST_COUNT)


def yes_or_no(value: Scalar) -> bool:
    written = str(value).lower()
    expect(written in {"true", "false"}, "expected true or false")
    return written == "true"


def text(value: Scalar) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError(TEXT_EXPECTED)
    return value


def base_url(value: Scalar) -> str:
    """The base of links: http or https, a host, and optionally a path; without the trailing slash."""
    parts = web_address(text(value), "expected an address such as https://notifier.example.com")
    bare = not parts.query and not parts.fragment and "@" not in parts.netloc
    expect(bare, "expected an address without a user, a query or a fragment: links are built on it")
    return parts.geturl().rstrip("/")


def listening_host(value: Scalar) -> str:
    """An address or name to listen on, without a port."""
    written = text(value)
    expected = (
        "expected an address or a name alone, such as 0.0.0.0, :: or localhost; the port is `server.port`"
    )
    expect(_is_host(written), expected)
    return written


def _is_host(written: str) -> bool:
    """Whether the text has the form of a host name or address, with IPv6 in its form without brackets."""
    if _NAME.fullmatch(written) and not _LIKE_IPV4.fullmatch(written):
        return True
    try:
        return bool(ip_address(written))
    except ValueError:
        return False


def network(value: Scalar) -> Network:
    """An address or a network."""
    try:
        return ip_network(text(value))
    except ValueError:
        raise ValueError("expected an address or a network, such as 10.0.0.5 or 10.0.0.0/8") from None


def _listed(value: Any) -> Any:
    """A list, also as one text with commas, as in a variable."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def database_url(value: Scalar) -> str:
    """`sqlite:///path` (four slashes before an absolute path) or `postgresql://user@host/name`."""
    written = text(value)
    if written.startswith("postgres://"):
        # PostgreSQL's own library accepts both names, and many providers use the short one.
        written = written.replace("postgres://", "postgresql://", 1)
    if written.startswith("postgresql://"):
        postgres_address(written)
        return written
    expected = "expected a PostgreSQL address to begin with postgresql:// (notifier chooses the driver)"
    expect(not written.lower().startswith("postgres"), expected)
    path = written.removeprefix("sqlite:///")
    expect(path not in {"", written}, "expected sqlite:///path/to/file.db or postgresql://user@host/name")
    lost = "a database in memory would lose what was acknowledged; expected sqlite:///path/to/file.db"
    expect(not path.startswith(":memory:"), lost)
    expect("?" not in path, "the address of a SQLite file has no parameters, nor a `?` in the file's name")
    expect(not path.endswith("/"), "expected a file and not a folder, such as sqlite:///path/to/file.db")
    return written


def web_address(written: str, expected: str) -> SplitResult:
    """Split a URL with http or https and a host."""
    try:
        parts = urlsplit(written)
        _ = parts.port  # Reading the attribute validates the port.
    except ValueError:
        raise ValueError(expected) from None
    expect(parts.scheme in {"http", "https"} and _is_host(parts.hostname or ""), expected)
    return parts


def _period(written: str) -> Duration:
    try:
        return parse_positive_duration(written)
    except ValueError:
        expected = "expected a rate per second, minute, hour or day, or per a duration such as 10m"
        raise ValueError(expected) from None


def or_variable(schema: Schema) -> Schema:
    """The schema of a number or flag that may also be a variable, which is text until it is substituted."""
    return {"anyOf": [schema, {"x-def": "variable"}]}


def _from_to(lowest: int, highest: int) -> Schema:
    return or_variable({"type": "integer", "minimum": lowest, "maximum": highest})


# `x-def` names a shared definition in the file's schema (settings.schema).
Text = Annotated[str, ScalarForm(text, {"type": "string", "minLength": 1})]
Networks = Annotated[
    tuple[Annotated[Network, ScalarForm(network, {"type": "string", "minLength": 2})], ...],
    BeforeValidator(_listed, json_schema_input_type=list[str] | str),
]
Flag = Annotated[bool, ScalarForm(yes_or_no, or_variable({"type": "boolean"}))]
Count = Annotated[int, ScalarForm(count, _from_to(1, LARGEST_COUNT))]
Port = Annotated[int, ScalarForm(whole_number(0, 65_535), _from_to(0, 65_535))]
Size = Annotated[int, ScalarForm(size, {"x-def": "size"})]
Wait = Annotated[Duration, ScalarForm(parse_duration, {"x-def": "duration"})]
Span = Annotated[Duration, ScalarForm(parse_positive_duration, {"x-def": "duration"})]
Quota = Annotated[Rate, ScalarForm(rate, {"x-def": "rate"})]
Host = Annotated[str, ScalarForm(listening_host, {"type": "string", "minLength": 1})]
BaseUrl = Annotated[str, ScalarForm(base_url, {"type": "string", "format": "uri"})]
DatabaseUrl = Annotated[str, ScalarForm(database_url, {"type": "string", "format": "uri", "writeOnly": True})]
