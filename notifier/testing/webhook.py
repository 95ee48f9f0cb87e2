"""An HTTP receiver of webhooks with scripted answers."""

from __future__ import annotations

import ssl
from collections import deque

from notifier.testing.http import Answer, Request, Server


class WebhookReceiver(Server):
    """An HTTP receiver. It gives the answers passed to `script` in order, then `default`."""

    def __init__(self, *, default: Answer | None = None, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls=tls)
        self.default = Answer() if default is None else default
        self._script: deque[Answer] = deque()

    @property
    def url(self) -> str:
        return f"{self.origin}/hook"

    def script(self, *answers: Answer) -> None:
        self._script.extend(answers)

    def handle(self, request: Request) -> Answer:  # noqa: ARG002
        return self._script.popleft() if self._script else self.default
