"""The door for formats that are declared as data: `POST /v1/ingest/{format}`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import msgspec

from notifier.access.caller import Caller
from notifier.api.doors.door import EventsDoor, read_body, take
from notifier.api.doors.request import DoorAnswer, DoorRequest, problem_answer
from notifier.api.doors.sns import SnsEnvelopes
from notifier.api.ingest import results_of
from notifier.api.problems import HttpProblem
from notifier.domain.value import replace
from notifier.ingest.formats import declared, sns
from notifier.ingest.formats.reading import FormatReader, ParsedBody
from notifier.ingest.formats.sns import SnsMessage
from notifier.ingest.formats.verification import verified
from notifier.runtime.service import Runtime
from notifier.settings import formats
from notifier.settings.formats import FormatBlock


class DeclaredDoor(EventsDoor):
    """One endpoint for each format. Its key is in `Authorization` or in `?key=`: the format has no place for one."""

    name: Final = "ingest"

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._sns = SnsEnvelopes(runtime.sns, runtime.database.now)

    async def answer(self, request: DoorRequest, caller: Caller) -> DoorAnswer:
        known = formats.available(self._runtime.settings.formats)
        name = request.path["format"]
        format_ = known.get(name)
        if format_ is None:
            raise HttpProblem(404, f"there is no such format: it is one of {', '.join(sorted(known))}")
        verify = format_.verify
        if verify is not None and verify.type == "sns":
            message = await self._sns.accepted(request.body, verify.topics, name)
            if message is None:
                return DoorAnswer(status=202, body=b'{"results":[]}')
            reader: FormatReader = partial(_read_sns, format_, name, message)
        elif verified(verify, request.headers, request.body, self._runtime.database.now()):
            reader = partial(declared.read, format_, name)
        else:
            raise HttpProblem(
                401,
                "what this format must be verified by is missing or wrong: give the sender the secret of "
                f"formats.{name}.verify, and let its clock be right",
            )
        read = read_body(reader, request, caller)
        taken = await take(self._runtime, caller, read, name)
        body: dict[str, Any] = {"results": results_of(taken)}
        if read.dropped:
            body["dropped"] = dict(read.dropped)
        if read.warnings:
            body["warnings"] = list(read.warnings)
        status = 202 if taken.stored or not taken.results else 422
        return DoorAnswer(status=status, body=msgspec.json.encode(body))

    def refusal(self, problem: HttpProblem) -> DoorAnswer:
        """The problem, with a 503 in place of a 429, which hardly any sender of webhooks retries."""
        if problem.status == 429:
            problem = replace(problem, status=503)
        return problem_answer(problem)


def _read_sns(
    format_: FormatBlock,
    name: str,
    message: SnsMessage,
    _body: bytes,
    headers: Mapping[str, str],
    *,
    service: str | None,
) -> ParsedBody:
    """The events of a verified message; its id becomes theirs."""
    found = declared.read_documents(format_, name, [sns.document(message)], headers, service=service)
    for index, event in enumerate(found.items):
        if isinstance(event, dict):
            event.setdefault("id", message.id if len(found.items) == 1 else f"{message.id}:{index}")
    return found
