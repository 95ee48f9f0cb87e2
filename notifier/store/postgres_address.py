"""The address of a PostgreSQL server, as libpq's users write it, for asyncpg under SQLAlchemy; and why none answers."""

from __future__ import annotations

import socket
import ssl
from typing import Final, NamedTuple

import asyncpg
import sqlalchemy as sa

from notifier.domain.errors import StoreUnavailable

_OF_SQLALCHEMY: Final = {"host", "port", "ssl", "prepared_statement_cache_size"}
_OF_LIBPQ_ALONE: Final = {
    "connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
    "gssencmode", "sslcompression", "sslsni", "client_encoding", "fallback_application_name",
}  # fmt: skip
"""Parameters that asyncpg would hand to the server as settings, which refuses them. The pool's own bounds stand."""
_CAUSES: Final[tuple[tuple[type[BaseException], str], ...]] = (
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
)


class DriverAddress(NamedTuple):
    """`url` is for SQLAlchemy; `dsn` holds the parameters that asyncpg reads in libpq's spelling."""

    url: sa.URL
    dsn: str


def driver_address(url: str) -> DriverAddress:
    """Split the parameters of `postgresql://...` between the two; `StoreUnavailable` where one cannot be kept."""
    at = sa.make_url(url).set(drivername="postgresql+asyncpg")
    if at.query.get("channel_binding") == "require":
        raise StoreUnavailable(
            "database.url asks for `channel_binding=require`, which the driver cannot do: remove it, and say "
            "`sslmode=verify-full`, which checks who answers"
        )
    of_driver = {
        name: value
        for name, value in at.query.items()
        if name not in _OF_SQLALCHEMY | _OF_LIBPQ_ALONE | {"channel_binding"}
    }
    kept = {name: value for name, value in at.query.items() if name in _OF_SQLALCHEMY}
    dsn = sa.URL.create("postgresql", query=of_driver).render_as_string(hide_password=False)
    return DriverAddress(at.set(query=kept), dsn)


def unreachable(error: BaseException) -> StoreUnavailable:
    """The sentence about a server that cannot be reached, with the cause where that is known."""
    origin: BaseException | None = getattr(error, "orig", None) or error
    while origin is not None:
        for kind, cause in _CAUSES:
            if isinstance(origin, kind):
                return StoreUnavailable(f"PostgreSQL cannot be reached: {cause} (database.url)")
        origin = origin.__cause__
    return StoreUnavailable("PostgreSQL cannot be reached: check database.url and that the server runs")
