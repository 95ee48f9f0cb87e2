"""PostgreSQL addresses as libpq accepts them, converted for asyncpg under SQLAlchemy; and errors of connecting."""

from __future__ import annotations

import socket
import ssl
from typing import Final, NamedTuple

import asyncpg
import sqlalchemy as sa

from notifier.domain.errors import StoreUnavailable
from notifier.domain.postgres_address import postgres_address

_OF_SQLALCHEMY: Final = ("prepared_statement_cache_size",)
_OF_LIBPQ_ALONE: Final = {
    "connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
    "channel_binding", "gssencmode", "sslcompression", "sslsni", "client_encoding", "fallback_application_name",
}  # fmt: skip
"""Parameters of libpq that asyncpg would send to the server as settings, which the server refuses."""
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
    """`dsn` is for asyncpg, which accepts libpq's form with several hosts; `url` has the options for SQLAlchemy."""

    url: sa.URL
    dsn: str


def driver_address(url: str) -> DriverAddress:
    """Convert `postgresql://...`.

    Raises `StoreUnavailable` if the address is invalid or a parameter is not supported.
    """
    try:
        address = postgres_address(url)
    except ValueError as error:
        raise StoreUnavailable(f"the address of database.url cannot be read: {error}") from error
    own = {name: value for name, value in address.parameters.items() if name in _OF_SQLALCHEMY}
    left = own.keys() | _OF_LIBPQ_ALONE
    kept = {name: value for name, value in address.parameters.items() if name not in left}
    return DriverAddress(sa.URL.create("postgresql+asyncpg", query=own), address.dsn(kept))


def unreachable(error: BaseException, otherwise: StoreUnavailable | None = None) -> StoreUnavailable:
    """The error for an unreachable server, with the cause if it is known, otherwise `otherwise`."""
    origin: BaseException | None = getattr(error, "orig", None) or error
    while origin is not None:
        for kind, cause in _CAUSES:
            if isinstance(origin, kind):
                return StoreUnavailable(f"PostgreSQL cannot be reached: {cause} (database.url)")
        origin = origin.__cause__
    return otherwise or StoreUnavailable(
        "PostgreSQL cannot be reached: check database.url and that the server runs"
    )
