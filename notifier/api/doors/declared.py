"""The door of formats that are data: `POST /v1/ingest/{format}`."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import msgspec

from notifier.access.caller import Caller
from notifier.api.doors.credentials import PresentedKey
from notifier.api.doors.door import CODINGS, read_body, take
from notifier.api.doors.request import DoorAnswer, DoorRequest, problem_answer
from notifier.api.ingest import results_of
from notifier.api.problems import HttpProblem
from notifier.domain.key import Scope
from notifier.domain.value import replace
from notifier.ingest.formats import declared
from notifier.ingest.formats.verification import verified
from notifier.runtime.service import Runtime
from notifier.settings import formats


class DeclaredDoor:
    """One address for each format. Its key stands in `Authorization` or in `?key=`, for it has no place of its own."""

    name: Final = "ingest"
    codings = CODINGS
    key_in_body = False

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def scope(self, _: DoorRequest) -> Scope:
        return "ingest"

    def own_key(self, _: DoorRequest) -> PresentedKey | None:
        return None

    async def answer(self, request: DoorRequest, caller: Caller) -> DoorAnswer:
        known = formats.available(self._runtime.settings.formats)
        name = request.path["format"]
        format_ = known.get(name)
        if format_ is None:
            raise HttpProblem(404, f"there is no such format: it is one of {', '.join(sorted(known))}")
        if not verified(format_.verify, request.headers, request.body, self._runtime.database.now()):
            raise HttpProblem(
                401,
                "what this format must be verified by is missing or wrong: give the sender the secret of "
                f"formats.{name}.verify, and let its clock be right",
            )
        read = read_body(partial(declared.read, format_, name), request, caller)
        taken = await take(self._runtime, caller, read, name)
        body: dict[str, Any] = {"results": results_of(taken)}
        if read.dropped:
            body["dropped"] = dict(read.dropped)
        if read.warnings:
            body["warnings"] = list(read.warnings)
        status = 202 if taken.stored or not taken.results else 422
        return DoorAnswer(status=status, body=msgspec.json.encode(body))

    def refusal(self, problem: HttpProblem) -> DoorAnswer:
        """The problem. Senders of webhooks come again after a 503, and hardly any does after a 429."""
        if problem.status == 429:
            problem = replace(problem, status=503)
        return problem_answer(problem)
