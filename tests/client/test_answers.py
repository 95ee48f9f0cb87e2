"""An answer of 500 or more that something led to is told; what was chosen as an answer is not."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from fastapi import HTTPException
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse

from tests.client.conftest import App


def query() -> None:
    raise ConnectionError("the database is away")


def caused(status: int) -> None:
    try:
        query()
    except ConnectionError as error:
        raise HTTPException(status, "try again later") from error


def in_passing(status: int) -> None:
    try:
        query()
    except ConnectionError:
        raise HTTPException(status)  # noqa: B904 - as many write it


def hidden(status: int) -> None:
    try:
        query()
    except ConnectionError:
        raise HTTPException(status) from None


def alone(status: int) -> None:
    raise HTTPException(status)


@pytest.mark.parametrize("base", [False, True])
@pytest.mark.parametrize(
    ("raises", "status", "told"),
    [
        (caused, 500, 1), (caused, 503, 1), (in_passing, 502, 1), (caused, 404, 0), (hidden, 500, 0), (alone, 500, 0),
    ],
)  # fmt: skip
def test_an_answer_of_500_that_something_led_to(
    app: App, raises: Any, status: int, told: int, base: bool
) -> None:
    """It is told with its cause, whatever answers it and whatever middleware there is; what was chosen is not."""

    async def through(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    if base:
        app.app.add_middleware(BaseHTTPMiddleware, dispatch=through)

        @app.app.exception_handler(HTTPException)
        def answer(_: Any, error: HTTPException) -> PlainTextResponse:
            return PlainTextResponse("sorry", error.status_code)

    @app.app.get("/orders/{id}")
    def order(id: str) -> None:  # noqa: A002
        raises(status)

    assert app.http.get("/orders/7").status_code == status
    assert len(app.memory.events) == told
    if told:
        assert app.only["exception"]["type"] == "HTTPException"
        assert app.only["exception"]["cause"]["message"] == "the database is away"
        assert app.only["context"]["request"]["route"] == "/orders/{id}"


def test_an_answer_of_500_is_told_once_where_its_cause_was_logged(app: App) -> None:
    """`logger.exception` and then `raise HTTPException(500) from error` are one failure."""
    log = logging.getLogger("tests.answers")
    handler = app.notifier.logging_handler()
    log.addHandler(handler)

    @app.app.get("/")
    def index() -> None:
        try:
            query()
        except ConnectionError as error:
            log.exception("could not read orders")
            raise HTTPException(500) from error

    try:
        app.http.get("/")
    finally:
        log.removeHandler(handler)
    app.notifier.flush()
    assert app.only["message"] == "could not read orders"
    assert app.only["exception"]["type"] == "HTTPException"
