"""Parsing of a PostgreSQL URL as libpq accepts it, including several hosts, with errors for people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode

_ADDRESS = re.compile(
    r"postgresql://(?:(?P<user>[^:/]*)(?::(?P<password>[^@]*))?@)?(?P<hosts>[^/?]*)(?:/(?P<database>[^?]*))?"
    r"(?:\?(?P<parameters>.*))?",
    re.DOTALL,
)
_HOST = re.compile(r"(?P<host>\[[^\[\]]+\]|[^\[\]:@#]*)(?::(?P<port>[^:]*))?")
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_VALUES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "target_session_attrs": ("any", "primary", "standby", "read-write", "read-only", "prefer-standby"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresAddress:
    """The parts of a PostgreSQL URL, unescaped. `hosts` are names, each with its port if it has one."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    hosts: tuple[tuple[str, int | None], ...] = ()
    database: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)

    def dsn(self, parameters: Mapping[str, str]) -> str:
        """The URL with these parameters, escaped."""
        user = "" if self.user is None else quote(self.user, safe="")
        password = "" if self.password is None else f":{quote(self.password, safe='')}"
        at = "" if self.user is None and self.password is None else "@"
        hosts = ",".join(
            (f"[{host}]" if ":" in host else quote(host, safe="")) + ("" if port is None else f":{port}")
            for host, port in self.hosts
        )
        database = "" if self.database is None else f"/{quote(self.database)}"
        query = f"?{urlencode(parameters)}" if parameters else ""
        return f"postgresql://{user}{password}{at}{hosts}{database}{query}"


def postgres_address(url: str) -> PostgresAddress:
    """Parse `postgresql://user@host:5432/name?sslmode=require`. Raises `ValueError` with a sentence.

    User and password may contain unescaped characters that are unambiguous: `/`, `#` and `?`, but not `@` and `%`.
    """
    parts = _ADDRESS.fullmatch(url)
    if parts is None:
        raise ValueError("expected an address such as postgresql://user@host:5432/name")
    written = parts["hosts"].split(",") if parts["hosts"] else ()
    return PostgresAddress(
        user=_plain(parts["user"], "the user"),
        password=_plain(parts["password"], "the password"),
        hosts=tuple(map(_host, written)),
        database=_plain(parts["database"], "the database's name"),
        parameters=_parameters(parts["parameters"] or ""),
    )


def _plain(escaped: str | None, what: str) -> str | None:
    if escaped is None:
        return None
    if _LONE_PERCENT.search(escaped):
        raise ValueError(f"{what} has a % that begins no escape: write %25 for the sign itself")
    try:
        plain = unquote_to_bytes(escaped).decode()
    except UnicodeDecodeError:
        raise ValueError(
            f"{what} has escapes that are not UTF-8: write each byte of its UTF-8 as %XX"
        ) from None
    if "\0" in plain:
        raise ValueError(f"{what} has %00, which no name and no password can have: remove it")
    return plain


def _host(written: str) -> tuple[str, int | None]:
    if "@" in written:
        raise ValueError("the host has an @: write %40 where one belongs to the user or the password")
    parts = _HOST.fullmatch(written)
    if parts is None:
        raise ValueError(
            "the host has signs that no host has; an IPv6 address stands in brackets, as [::1]:5432"
        )
    host, port = _plain(parts["host"], "the host") or "", parts["port"]
    if host.startswith("["):
        host = host[1:-1]
        try:
            IPv6Address(host)
        except ValueError:
            raise ValueError("what stands in brackets is no IPv6 address") from None
    if any(sign.isspace() for sign in host):
        raise ValueError("the host has a space: remove it")
    return host, _port(port) if port else None


def _port(written: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", written) or not 1 <= int(written) <= 65_535:
        raise ValueError("the port is a number from 1 to 65535")
    return int(written)


def _parameters(written: str) -> Mapping[str, str]:
    try:
        parameters = dict(parse_qsl(written, errors="strict"))
    except ValueError:
        raise ValueError("the parameters after `?` have escapes that are not UTF-8") from None
    if "ssl" in parameters:
        parameters.setdefault("sslmode", parameters.pop("ssl"))
    for name, values in _VALUES.items():
        if name in parameters and parameters[name] not in values:
            raise ValueError(f"`{name}` is one of {', '.join(values)}")
    for port in parameters.get("port", "").split(","):
        if port:
            _port(port)
    if parameters.get("channel_binding") == "require":
        raise ValueError(
            "`channel_binding=require` is more than the driver can do: remove it, and say "
            "`sslmode=verify-full`, which checks who answers"
        )
    return parameters
