"""Request bodies: bounded in size and time, whatever their content type says of JSON, validated by a model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal, Self, TypeVar

from fastapi import Depends, Request
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from starlette.requests import ClientDisconnect

from notifier.api.dependencies import LongName, Name
from notifier.api.errors import invalid
from notifier.api.problems import HttpProblem
from notifier.ingest import sanitise
from notifier.ingest.schema import ID_CHARS, NAME_CHARS
from notifier.oncall.dead_letters import Chosen

LARGEST = 1024 * 1024
BODY_TIMEOUT_S = 30.0
IDS_AT_MOST = 1_000
LABELS_AT_MOST = 100
REASONS_AT_MOST = 50

Count = Annotated[int, Field(ge=0, lt=2**53)]

# curl's default is a form; browsers cannot send any of these with a key from another site.
_ACCEPTED = {"", "application/x-www-form-urlencoded", "text/plain", "application/octet-stream"}


class Document(BaseModel):
    """The base of every body: unknown fields are refused, for a misspelt one would be ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Acting(Document):
    """A command. `actor` is who gives it, beside the key."""

    actor: Name | None = None


_SHAPES = {"ids": "array", "channel": "string", "task": "string"}


def _only(name: str) -> dict[str, Any]:
    """The schema of a body that has this one of the three."""
    properties = {other: {"type": "null"} for other in _SHAPES} | {name: {"type": _SHAPES[name]}}
    return {"required": [name], "properties": properties}


class DeadLetters(Acting):
    """Which dead letters: exactly one of the three."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_only("ids"), _only("channel"), _only("task")]})

    ids: Annotated[list[Name], Field(min_length=1, max_length=IDS_AT_MOST)] | None = None
    channel: Name | None = None
    task: LongName | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if sum(given is not None for given in (self.ids, self.channel, self.task)) != 1:
            raise ValueError("give one of `ids` (a list), `channel` and `task` (names)")
        return self

    @property
    def chosen(self) -> Chosen:
        return Chosen(ids=self.ids or (), channel=self.channel, task=self.task)


class Reports(BaseModel):
    """What a client says became of its reports."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    captured: Count = 0
    sent: Count = 0
    spooled: Count = 0
    dropped: dict[str, Count] = {}

    def bounded(self) -> dict[str, Any]:
        """As it is kept: reasons are a client's words, and few."""
        reasons = list(self.dropped.items())[:REASONS_AT_MOST]
        dropped = {sanitise.text(reason)[:64]: count for reason, count in reasons}
        return {
            "captured": self.captured,
            "sent": self.sent,
            "spooled": self.spooled,
            "dropped": dropped,
        }


_COUNT = {"type": "integer", "minimum": 0, "default": 0}
_REPORTS = {
    "type": ["object", "null"],
    "description": "What became of what its client captured, since it began.",
    "properties": {
        "captured": _COUNT,
        "sent": _COUNT,
        "spooled": _COUNT,
        "dropped": {"type": "object", "additionalProperties": _COUNT},
    },
}


class Heartbeat(Document):
    """A sign of life. What is new in a later client is ignored, for a refusal would end its runs."""

    model_config = ConfigDict(extra="ignore")

    process_id: Name
    service: LongName
    running: Annotated[list[str], Field(description="Ids of the runs that have not ended there.")] = []
    tasks: Annotated[list[str], Field(description="Names of tasks that may be replayed there.")] = []
    reports: Annotated[Reports | None, WithJsonSchema(_REPORTS)] = None
    ended: Annotated[bool, Field(description="Its goodbye.")] = False

    def known_running(self) -> list[str]:
        """Without what is no run's id."""
        return [id_ for id_ in self.running if 1 <= len(id_) <= ID_CHARS and "\0" not in id_]

    def known_tasks(self) -> list[str]:
        """Without what is no task's name."""
        return [name for name in self.tasks if 1 <= len(name) <= NAME_CHARS and "\0" not in name]


def _labels(value: Any) -> Any:
    """Numbers and booleans become strings, as in events. A key of the sender's is named by its position."""
    if not isinstance(value, dict):
        raise ValueError("labels are an object of strings")  # noqa: TRY004 - pydantic's way to refuse
    if len(value) > LABELS_AT_MOST:
        raise ValueError(f"an event has at most {LABELS_AT_MOST} labels")
    return {name: _label(index, label) for index, (name, label) in enumerate(value.items())}


def _label(index: int, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise ValueError(f"labels[{index}] must be a string, a number or a boolean")


class RouteTest(Document):
    """The labels that an event would have."""

    labels: Annotated[
        dict[str, str],
        BeforeValidator(_labels),
        WithJsonSchema(
            {
                "type": "object",
                "maxProperties": LABELS_AT_MOST,
                "additionalProperties": {"type": ["string", "number", "boolean"]},
            }
        ),
    ]


class NewKey(Acting):
    """A key to make. Without `project` it is one of the caller's."""

    project: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")] | None = None
    name: Name = "unnamed"
    scopes: Annotated[list[Literal["ingest", "read", "manage", "admin"]], Field(min_length=1)] = ["ingest"]


M = TypeVar("M", bound=Document)


def body_of(model: type[M]) -> Callable[[Request], Coroutine[Any, Any, M]]:
    """A dependency: the request's body as this model; an empty body counts as `{}`."""

    async def read(request: Request) -> M:
        _understood(request)
        data = await raw_body(request)
        try:
            return model.model_validate_json(data.strip() or b"{}")
        except ValidationError as error:
            raise invalid(
                error.errors(include_url=False, include_input=False, include_context=False)
            ) from None

    return read


def documented(model: type[Document], *, required: bool = True) -> dict[str, Any]:
    """`openapi_extra` of an operation with such a body."""
    schema = model.model_json_schema()
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}


def _understood(request: Request) -> None:
    """Only JSON, whatever its content type says, as it is; else 415."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _ACCEPTED and kind != "application/json" and not kind.endswith("+json"):
        raise HttpProblem(415, "send application/json, or no content type at all")
    if request.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise HttpProblem(415, "send this body as it is: only /v1/events takes gzip")


async def raw_body(request: Request, *, largest: int = LARGEST) -> bytes:
    """The bytes as they came: at most so many, and not for ever."""
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                data += chunk
                if len(data) > largest:
                    raise HttpProblem(413, f"the body is over {largest} bytes: send less at once")
    except TimeoutError:
        raise HttpProblem(
            408, f"the body did not come within {BODY_TIMEOUT_S:.0f} s: send it at once"
        ) from None
    except ClientDisconnect:
        raise HttpProblem(400, "the body ended early: send it whole") from None
    return bytes(data)


ActingBody = Annotated[Acting, Depends(body_of(Acting))]
DeadLettersBody = Annotated[DeadLetters, Depends(body_of(DeadLetters))]
RouteTestBody = Annotated[RouteTest, Depends(body_of(RouteTest))]
NewKeyBody = Annotated[NewKey, Depends(body_of(NewKey))]
