"""The check-ins of a job: `notifier run --monitor NAME -- CMD`."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import Any, Final

from notifier.cli.options import Arguments, segment
from notifier.cli.service import ServiceClient, connect
from notifier.cli.session import CommandFailure, CommandSession, Exit
from notifier.domain.severity import Severity

ANSWER_S: Final = 5.0
PAUSES_S: Final = (1.0, 2.0)


class JobMonitor:
    """The check-ins of one run. The first is sent in a thread, so that the job does not wait for it."""

    def __init__(self, name: str, arguments: Arguments, session: CommandSession) -> None:
        self._path = f"/v1/monitors/{segment(name)}"
        self._fields = _common_fields(arguments, session)
        self._exit_stack = ExitStack()
        self._service: ServiceClient | None = None
        self._failure = "the service did not answer in time."
        self._starting = threading.Thread(target=self._begin, args=(arguments, session), daemon=True)
        self._starting.start()

    def finish(self, **fields: Any) -> str | None:
        """Check in at the end, with two retries if nobody answers. Returns why it failed, or None."""
        self._starting.join(2 * ANSWER_S)
        if self._service is None:
            return self._failure
        with self._exit_stack:
            for pause in (*PAUSES_S, None):
                try:
                    self._service.post(self._path, {**self._fields, **fields})
                except CommandFailure as failure:
                    if failure.status is not Exit.UNREACHABLE or pause is None:
                        return str(failure)
                    time.sleep(pause)
                else:
                    break
        return None

    def _begin(self, arguments: Arguments, session: CommandSession) -> None:
        try:
            self._service = self._exit_stack.enter_context(
                connect(session, arguments.config, seconds=ANSWER_S)
            )
            self._service.post(self._path, {**self._fields, "status": "in_progress"})
        except CommandFailure as failure:
            self._failure = str(failure)


def _common_fields(arguments: Arguments, session: CommandSession) -> dict[str, str]:
    """The fields that all check-ins of the run share."""
    environ = session.environ
    fields = {
        "environment": arguments.environment or environ.get("NOTIFIER_ENVIRONMENT"),
        "service": arguments.service or environ.get("NOTIFIER_SERVICE"),
        "every": arguments.every,
        "grace": arguments.grace,
        "severity": arguments.severity if arguments.severity in set(Severity) else None,
    }
    return {name: value for name, value in fields.items() if value}
