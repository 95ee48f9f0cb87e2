"""Every error of the API as a problem document; only this module maps the errors of the service to status codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from notifier.access.errors import MissingScope, OtherDoor, Unauthenticated
from notifier.api.problems import HttpProblem, retry_after
from notifier.domain.errors import NotifierError, Overloaded, StoreBroken, StoreFull, StoreUnavailable
from notifier.domain.time import SECOND
from notifier.oncall.errors import Refused, Unknown, Unreadable

CHALLENGE = {"www-authenticate": 'Bearer realm="notifier"'}
HOST_MISSING = HttpProblem(
    400, "a request names its host in one header Host: use a client that speaks HTTP/1.1"
)
UNEXPECTED = HttpProblem(
    500, "the service failed at this; its log says more under this answer's X-Request-Id"
)

_PLACES = {"body", "query", "path", "header"}
_HTTP = {
    404: "there is nothing at this path: see /openapi.json",
    405: "this path does not know that method: see the header Allow",
}
_MESSAGES = {
    **dict.fromkeys(("model_type", "model_attributes_type"), "the body must be a JSON object"),
    **dict.fromkeys(
        ("int_type", "int_parsing", "int_from_float", "int_parsing_size"), "must be a whole number"
    ),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    **dict.fromkeys(("literal_error", "enum"), "must be one of {expected}"),
    "dict_type": "must be an object",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be an array",
    "missing": "this is missing",
    "string_pattern_mismatch": "says nothing, or has characters that are not allowed here",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must not be empty",
    "string_type": "must be a string",
    "too_long": "must have at most {max_length} items",
    "too_short": "must not be empty",
}
"""Sentences by pydantic's error types; `{...}` is a limit from the schema, never input."""


def install(app: FastAPI) -> None:
    """Install the handlers that answer every error as RFC 9457 describes."""
    app.add_exception_handler(HttpProblem, _problem)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(NotifierError, _service_error)


def answer(problem: HttpProblem) -> Response:
    return Response(problem.body(), status_code=problem.status, headers=problem.all_headers())


def invalid(errors: Iterable[Mapping[str, Any]]) -> HttpProblem:
    """A 422 from pydantic's errors, with place and reason and without the input."""
    found = [{"path": _path(error), "message": _message(error)} for error in errors]
    return unreadable(found)


def invalid_body(error: ValidationError) -> HttpProblem:
    """A 422 for a body that its model refuses."""
    return invalid(error.errors(include_url=False, include_input=False))


def unreadable(errors: Sequence[Mapping[str, str]]) -> HttpProblem:
    """A 422. Its sentence contains the first error, and its member `errors` all of them."""
    first = errors[0] if errors else {"path": "", "message": "the request is not as it should be"}
    where = f"{first['path']}: " if first["path"] else ""
    return HttpProblem(422, f"{where}{first['message']}", more={"errors": list(errors)})


def problem_of(error: NotifierError) -> HttpProblem:
    """The problem document of an error of the service."""
    match error:
        case Unauthenticated():
            return HttpProblem(401, str(error), CHALLENGE)
        case MissingScope() | OtherDoor():
            return HttpProblem(403, str(error))
        case Unknown():
            return HttpProblem(404, str(error))
        case Refused():
            return HttpProblem(409, str(error), more={"state": error.state})
        case Unreadable():
            return unreadable([{"path": error.path, "message": str(error)}])
        case _:
            return _unavailable(error)


def _unavailable(error: NotifierError) -> HttpProblem:
    match error:
        case StoreFull():
            return retry_after(
                503, "the database is full: free space or raise database.max_size", 30 * SECOND
            )
        case StoreUnavailable() | StoreBroken():
            return retry_after(503, "the database does not answer: send the same again", 2 * SECOND)
        case Overloaded():
            return retry_after(503, "too much waits for the database: send the same again", error.retry_after)
        case _:
            return UNEXPECTED


async def _validation(_: Request, error: Exception) -> Response:
    return answer(invalid(cast("RequestValidationError", error).errors()))


async def _http(request: Request, error: Exception) -> Response:
    known = cast("HTTPException", error)
    detail = _HTTP.get(known.status_code, HTTPStatus(known.status_code).phrase)
    headers = {"allow": _allowed(request)} if known.status_code == 405 else known.headers
    return answer(HttpProblem(known.status_code, detail, headers or {}))


def _allowed(request: Request) -> str:
    """Every method of the path: Starlette lists those of its first route only."""
    routes = cast("Sequence[Route]", request.app.state.routes)
    here = (route for route in routes if route.matches(request.scope)[0] is not Match.NONE)
    methods = {method for route in here for method in route.methods or ()}
    return ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))


async def _problem(_: Request, error: Exception) -> Response:
    return answer(cast("HttpProblem", error))


async def _service_error(_: Request, error: Exception) -> Response:
    problem = problem_of(cast("NotifierError", error))
    if problem is UNEXPECTED:
        raise error
    return answer(problem)


def _path(error: Mapping[str, Any]) -> str:
    """The place of an error, such as `ids[3]`. Names that the sender chose are omitted."""
    places = list(error["loc"])
    if places and places[0] in _PLACES:
        del places[0]
    path = ""
    for place in places:
        path += f"[{place}]" if isinstance(place, int) else f".{place}" if path else str(place)
    return path


def _message(error: Mapping[str, Any]) -> str:
    kind, text = error["type"], str(error["msg"])
    if kind == "json_invalid":
        return "the body is no JSON: " + text.removeprefix("Invalid JSON: ")
    if kind not in _MESSAGES:
        return text.removeprefix("Value error, ")
    return _MESSAGES[kind].format(**error.get("ctx", {}))
