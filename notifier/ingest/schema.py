"""An event as posted (RULES.md#the-event), and its limits, as types that the decoder checks.

What these types accept is stored unchanged. What they refuse (an unknown field, a null instead of a list, a string
over its limit) is parsed again by `lenient`, which repairs it or says exactly what is wrong.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

ID_CHARS: Final = 128
NAME_CHARS: Final = 256
TEXT_CHARS: Final = 8_192
CODE_CHARS: Final = 512
NOTE_CHARS: Final = 1_024
URL_CHARS: Final = 2_048
LABEL_KEY_CHARS: Final = 100
LABELS: Final = 64
FRAMES: Final = 100
FRAMES_OUTERMOST: Final = 20
NOTES: Final = 20
LINKS: Final = 10
FINGERPRINT: Final = 32
CAUSES: Final = 10
CONTEXT_KEY_CHARS: Final = 200
CONTEXT_TEXT_CHARS: Final = 4_096
CONTEXT_WIDTH: Final = 100
CONTEXT_DEPTH: Final = 8
CONTEXT_BYTES: Final = 65_536
INT_MAX: Final = 2**63 - 1
INT_MIN: Final = -(2**63)

Int = Annotated[int, Meta(ge=INT_MIN, le=INT_MAX)]
Name = Annotated[str, Meta(min_length=1, max_length=NAME_CHARS)]
Text = Annotated[str, Meta(min_length=1, max_length=TEXT_CHARS)]
Code = Annotated[str, Meta(min_length=1, max_length=CODE_CHARS)]
Note = Annotated[str, Meta(max_length=NOTE_CHARS)]
Url = Annotated[str, Meta(min_length=1, max_length=URL_CHARS)]
LabelKey = Annotated[str, Meta(min_length=1, max_length=LABEL_KEY_CHARS)]
LabelValue = Annotated[str, Meta(max_length=NAME_CHARS)] | Int | bool
ContextKey = Annotated[str, Meta(max_length=CONTEXT_KEY_CHARS)]
_Scalar = Annotated[str, Meta(max_length=CONTEXT_TEXT_CHARS)] | Int | float | bool | None
_Width = Meta(max_length=CONTEXT_WIDTH)
# Four levels cover what clients send, breadcrumbs with data included; deeper values take the lenient parser.
_Low = _Scalar | Annotated[list[_Scalar], _Width] | Annotated[dict[ContextKey, _Scalar], _Width]
_Middle = _Scalar | Annotated[list[_Low], _Width] | Annotated[dict[ContextKey, _Low], _Width]
_High = _Scalar | Annotated[list[_Middle], _Width] | Annotated[dict[ContextKey, _Middle], _Width]


class FrameBody(Struct, forbid_unknown_fields=True, gc=False):
    file: Code | None = None
    function: Name | None = None
    line: Int | None = None
    code: Code | None = None
    in_app: bool | None = None


class ExceptionBody(Struct, forbid_unknown_fields=True):
    """An exception. It needs a type or a message."""

    type: Name | None = None
    module: Name | None = None
    message: Text | None = None
    frames: Annotated[list[FrameBody], Meta(max_length=FRAMES)] = []
    cause: ExceptionBody | None = None
    notes: Annotated[list[Note], Meta(max_length=NOTES)] = []


class TaskBody(Struct, forbid_unknown_fields=True, gc=False):
    id: Name | None = None
    name: Name | None = None
    attempt: Int | None = None
    max_attempts: Int | None = None


class LinkBody(Struct, forbid_unknown_fields=True, gc=False):
    title: Name | None = None
    url: Url | None = None


class EventBody(Struct, forbid_unknown_fields=True):
    """An event as posted. The order of its fields is that of a stored document."""

    id: Annotated[str, Meta(min_length=1, max_length=ID_CHARS)] | None = None
    timestamp: Name | None = None
    service: Name | None = None
    environment: Name = "production"
    release: Name | None = None
    host: Name | None = None
    severity: Literal["critical", "error", "warning", "info", "none"] = "error"
    message: Text | None = None
    exception: ExceptionBody | None = None
    task: TaskBody | None = None
    labels: Annotated[dict[LabelKey, LabelValue], Meta(max_length=LABELS)] = {}
    context: Annotated[dict[ContextKey, _High], _Width] = {}
    trace_id: Name | None = None
    fingerprint: Annotated[list[Note], Meta(max_length=FINGERPRINT)] | None = None
    links: Annotated[list[LinkBody], Meta(max_length=LINKS)] = []
    status: Literal["firing", "resolved"] = "firing"
