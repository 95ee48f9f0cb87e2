"""The other parts of the demo as the inbox uses them: presses go to the service, trials to the sample application."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from notifier.demo.inbox import interactions
from notifier.demo.inbox.blocks import Action
from notifier.demo.inbox.messages import SlackPost
from notifier.demo.trials import DemoTrial

AWAY = "What was to be asked does not answer: is the demo still running?"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoServices:
    """Base addresses without a trailing slash. Presses are signed with the `signing_secret`, as Slack signs them."""

    service: str
    app: str
    inbox: str
    signing_secret: str

    async def press(self, message: SlackPost, action: Action, value: str) -> str | None:
        """Send a press to the service, and return the text for the person, or None."""
        reply_to = f"{self.inbox}/slack/response/{message.ts}"
        payload = interactions.payload(message, action, value, response_url=reply_to)
        body, headers = interactions.signed(payload, self.signing_secret)
        answer = await _posted(f"{self.service}/v1/slack/actions", content=body, headers=headers)
        return AWAY if answer is None else interactions.reply_text(answer.status_code, answer.content)

    async def start(self, trial: DemoTrial) -> str | None:
        """Start a trial at the sample application, and return why that failed, or None."""
        answer = await _posted(f"{self.app}{trial.path}", files=trial.files)
        if answer is None:
            return AWAY
        return None if answer.status_code < 400 else f"The sample application answered {answer.status_code}."


async def _posted(
    url: str,
    *,
    content: bytes | None = None,
    headers: dict[str, str] | None = None,
    files: object = None,
) -> httpx.Response | None:
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        try:
            return await http.post(url, content=content, headers=headers, files=files)  # type: ignore[arg-type]
        except httpx.HTTPError:
            return None
