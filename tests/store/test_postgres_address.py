"""PostgreSQL addresses with libpq's parameters, and errors for those that do not work."""

from __future__ import annotations

import asyncpg
import pytest
import sqlalchemy as sa

from notifier.domain.errors import StoreUnavailable
from notifier.store.postgres import PostgresDatabase, translate
from notifier.store.postgres_address import driver_address

pytestmark = pytest.mark.anyio


def test_parameters_go_to_whom_they_are_for() -> None:
    """TLS parameters are passed to asyncpg; parameters known to libpq only are dropped."""
    url = "postgresql://ann:p%40ss@db:5433/n?sslmode=verify-full&sslrootcert=/ca.pem&connect_timeout=5&options=-c%20a"
    assert driver_address(url).dsn == (
        "postgresql://ann:p%40ss@db:5433/n?sslmode=verify-full&sslrootcert=%2Fca.pem&options=-c+a"
    )
    socket = driver_address(
        "postgresql:///n?host=/run/pg&channel_binding=prefer&prepared_statement_cache_size=0"
    )
    assert socket.dsn == "postgresql:///n?host=%2Frun%2Fpg"
    assert dict(socket.url.query) == {"prepared_statement_cache_size": "0"}
    unescaped = driver_address("postgresql://ann:a/b?c#d@db/n?ssl=require")
    assert unescaped.dsn == "postgresql://ann:a%2Fb%3Fc%23d@db/n?sslmode=require"
    several = "postgresql://ann@one:1,two:2/n?target_session_attrs=read-write"
    assert driver_address(several).dsn == several


async def test_what_the_driver_cannot_do_is_refused() -> None:
    with pytest.raises(StoreUnavailable, match="channel_binding"):
        driver_address("postgresql://db/n?sslmode=require&channel_binding=require")


async def test_a_server_is_asked_with_the_parameters(postgres_url: str) -> None:
    url = f"{postgres_url}{'&' if '?' in postgres_url else '?'}sslmode=prefer&application_name=alerts&connect_timeout=5"
    database = await PostgresDatabase.open(url, replica="main", pool_size=1)
    name = await database.read(lambda tx: tx.run(sa.text("SHOW application_name")).scalar_one())
    await database.aclose()
    assert name == "alerts"


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"database": "nobody_made_it"}, "no database of that name"),
        ({"username": "nobody"}, "refuses the user or the password"),
        ({"query": {"host": "127.0.0.1", "port": "1"}}, "nothing listens"),
        ({"query": {"host": "nowhere.invalid"}}, "does not resolve"),
        ({"query": {"host": "/nowhere"}}, "is missing"),
    ],
)
async def test_why_nobody_answers_is_said(postgres_url: str, change: dict[str, object], cause: str) -> None:
    url = sa.make_url(postgres_url).set(**change)  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailable, match=cause):
        await PostgresDatabase.open(url.render_as_string(hide_password=False), replica="main")


@pytest.mark.parametrize(
    ("hosts", "cause"),
    [
        ("127.0.0.1:1,127.0.0.1:2", "nothing listens"),
        ("127.0.0.1:99999", "cannot be read"),
        ("127.0.0.1:http", "cannot be read"),
    ],
)
async def test_hosts_and_ports_are_tried_or_named(hosts: str, cause: str) -> None:
    with pytest.raises(StoreUnavailable, match=cause):
        await PostgresDatabase.open(f"postgresql://ann@{hosts}/n", replica="main")


async def test_a_parameter_that_nobody_knows_is_said_to_be_one(postgres_url: str) -> None:
    url = sa.make_url(postgres_url).update_query_dict({"sslmod": "require"})
    with pytest.raises(StoreUnavailable, match="does not know a parameter"):
        await PostgresDatabase.open(url.render_as_string(hide_password=False), replica="main")


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (asyncpg.InvalidPasswordError("x"), "it refuses the user or the password"),
        (asyncpg.TooManyConnectionsError("x"), "it takes no more connections"),
        (asyncpg.InvalidCatalogNameError("x"), "it has no database of that name"),
        (asyncpg.AdminShutdownError("x"), "is shutting down"),
    ],
)
def test_why_a_running_service_is_refused_is_said(cause: Exception, said: str) -> None:
    """A changed password is reported as at startup, not as a server that shuts down."""
    error = sa.exc.DBAPIError(None, None, cause)
    assert said in str(translate(error))
