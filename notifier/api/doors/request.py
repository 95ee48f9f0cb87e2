"""The request of a door, and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Scope

from notifier.api.problems import HttpProblem
from notifier.domain.value import replace

MOST_PARAMETERS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorRequest:
    """A request. Header names are lower-case; of repeated headers and parameters, the first counts.

    `path` has the path's parameters, `parameters` the query's, undecoded. Neither is ever logged. `body` is empty until
    it has been read.
    """

    method: str
    path: Mapping[str, Any]
    headers: Mapping[str, str]
    parameters: tuple[tuple[str, str], ...]
    body: bytes = b""

    @property
    def query(self) -> Mapping[str, str]:
        return dict(reversed(self.parameters))

    def with_body(self, body: bytes) -> DoorRequest:
        return replace(self, body=body)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorAnswer:
    """An answer in the form that the door's clients expect."""

    status: int
    body: bytes = b""
    content_type: str | None = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def problem_answer(problem: HttpProblem) -> DoorAnswer:
    """The problem document that the whole API uses."""
    return DoorAnswer(
        status=problem.status,
        body=problem.body(),
        content_type="application/problem+json",
        headers=problem.headers,
    )


def request_of(scope: Scope) -> DoorRequest:
    """The request of an ASGI scope. `HttpProblem` is raised if the query has too many parameters."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    return DoorRequest(
        method=scope["method"],
        path=scope.get("path_params", {}),
        headers=headers,
        parameters=_parameters(scope["query_string"]),
    )


def _parameters(query: bytes) -> tuple[tuple[str, str], ...]:
    try:
        pairs = parse_qsl(
            query.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_PARAMETERS, errors="replace"
        )
    except ValueError:
        raise HttpProblem(400, f"more than {MOST_PARAMETERS} parameters in the query: send fewer") from None
    return tuple(pairs)
