"""The address of a PostgreSQL server, as libpq's users write it, for asyncpg under SQLAlchemy; and why none answers."""

from __future__ import annotations

import socket
import ssl
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, urlencode

import asyncpg
import sqlalchemy as sa

from notifier.domain.errors import StoreUnavailable

_OF_SQLALCHEMY: Final = ("prepared_statement_cache_size",)
_OF_LIBPQ_ALONE: Final = {
    "connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
    "gssencmode", "sslcompression", "sslsni", "client_encoding", "fallback_application_name",
}  # fmt: skip
"""Parameters that asyncpg would hand to the server as settings, which refuses them. The pool's own bounds stand."""
_CAUSES: Final[tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...]] = (
    (asyncpg.InvalidCatalogNameError, "it has no database of that name: create it, or correct the name"),
    (asyncpg.InvalidAuthorizationSpecificationError, "it refuses the user or the password"),
    (asyncpg.TooManyConnectionsError, "it takes no more connections"),
    (asyncpg.CannotConnectNowError, "it is starting or stopping: try again"),
    (asyncpg.UndefinedObjectError, "it does not know a parameter after the address's `?`"),
    (asyncpg.ClientConfigurationError, "a parameter after the address's `?` has a value that cannot be used"),
    (socket.gaierror, "the host's name does not resolve"),
    (ConnectionRefusedError, "nothing listens at its host and port"),
    (FileNotFoundError, "a file that its address leads to is missing: its socket, or a certificate"),
    (PermissionError, "a file that its address leads to may not be read: its socket, or a certificate"),
    (ssl.SSLError, "the encrypted connection failed: compare `sslmode` and the certificate"),
    (TimeoutError, "it does not answer in time"),
    ((ValueError, OverflowError), "its address cannot be read, such as postgresql://user@host:5432/name"),
)


class DriverAddress(NamedTuple):
    """`dsn` is for asyncpg, which knows libpq's spelling and several hosts; `url` leaves SQLAlchemy its own options."""

    url: sa.URL
    dsn: str


def driver_address(url: str) -> DriverAddress:
    """Read `postgresql://...`; `StoreUnavailable` where a parameter cannot be kept."""
    base, query = _split(url)
    if query.pop("channel_binding", None) == "require":
        raise StoreUnavailable(
            "database.url asks for `channel_binding=require`, which the driver cannot do: remove it, and say "
            "`sslmode=verify-full`, which checks who answers"
        )
    own = {name: query.pop(name) for name in _OF_SQLALCHEMY if name in query}
    if "ssl" in query:
        query.setdefault("sslmode", query.pop("ssl"))
    kept = urlencode({name: value for name, value in query.items() if name not in _OF_LIBPQ_ALONE})
    return DriverAddress(sa.URL.create("postgresql+asyncpg", query=own), f"{base}?{kept}" if kept else base)


def _split(url: str) -> tuple[str, dict[str, str]]:
    """The address without its parameters, and those."""
    try:
        at = sa.make_url(url)
    except ValueError:  # several hosts, each with its port
        base, _, parameters = url.partition("?")
        return base, dict(parse_qsl(parameters))
    # What stands unescaped in a password is escaped here.
    base = at.set(drivername="postgresql", query={}).render_as_string(hide_password=False)
    return base, {
        name: value if isinstance(value, str) else ",".join(value) for name, value in at.query.items()
    }


def unreachable(error: BaseException) -> StoreUnavailable:
    """The sentence about a server that cannot be reached, with the cause where that is known."""
    origin: BaseException | None = getattr(error, "orig", None) or error
    while origin is not None:
        for kind, cause in _CAUSES:
            if isinstance(origin, kind):
                return StoreUnavailable(f"PostgreSQL cannot be reached: {cause} (database.url)")
        origin = origin.__cause__
    return StoreUnavailable("PostgreSQL cannot be reached: check database.url and that the server runs")
