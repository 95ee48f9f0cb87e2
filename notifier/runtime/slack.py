"""The Slack apps of the present configuration: whose request it is, and a word to who made it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractContextManager
from typing import Any

import httpx

from notifier.channels.http import parse_url
from notifier.channels.slack import SlackSettings, signature
from notifier.channels.slack.blocks import encoded, escaped
from notifier.domain.errors import SendError
from notifier.domain.time import Instant
from notifier.runtime.configured import Configured
from notifier.telemetry.logging import get

REPLIES_AT_ONCE = 32
REPLY_WITHIN_S = 10.0
TEXT = 2_000
_HOSTS = ("slack.com", "slack-gov.com")

log = get("notifier.slack")


class SlackApps:
    """Every channel of the present configuration that has a `signing_secret`."""

    def __init__(
        self, *, use: Callable[[], AbstractContextManager[Configured]], now: Callable[[], Instant]
    ) -> None:
        self._use = use
        self._now = now
        self._tasks: set[asyncio.Task[None]] = set()

    def verify(self, stamp: str | None, signed: str | None, body: bytes) -> Mapping[str, str] | str:
        """The channels whose app has signed this, each with its time zone; or why it is refused, as a sentence."""
        why = signature.complaint(stamp, signed, now=self._now())
        if why is not None or stamp is None or signed is None:
            return why or signature.UNSIGNED
        found = self._settings()
        secrets = {
            name: one.signing_secret.get_secret_value()
            for name, one in found.items()
            if one.signing_secret is not None
        }
        names = signature.signers(secrets, stamp, signed, body)
        return {name: found[name].time_zone for name in names} or signature.FORGED

    def reply(self, url: str | None, text: str) -> Mapping[str, Any]:
        """Tell whoever pressed, and nobody else; in the background. The document that says so."""
        document = {"response_type": "ephemeral", "replace_original": False, "text": escaped(text, TEXT)}
        if url is not None and self._may_reply(url):
            if len(self._tasks) < REPLIES_AT_ONCE:
                self._spawn(self._post(parse_url(url), document))
            else:
                log.warning("slack_reply_dropped", waiting=len(self._tasks))
        return document

    def reply_later(self, url: str | None, text: Awaitable[str | None]) -> None:
        """The same, once what takes longer is done."""
        self._spawn(self._later(url, text))

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _settings(self) -> dict[str, SlackSettings]:
        with self._use() as configured:
            settings = {name: config.settings for name, config in configured.configs.items()}
        return {name: one for name, one in settings.items() if isinstance(one, SlackSettings)}

    def _may_reply(self, url: str) -> bool:
        """Slack's own addresses, and that of a configured `base_url`: the payload must not choose another."""
        try:
            parsed = parse_url(url)
        except ValueError:
            return False
        if parsed.scheme == "https" and parsed.port is None:
            own = any(parsed.host == host or parsed.host.endswith(f".{host}") for host in _HOSTS)
            if own and not parsed.userinfo:
                return True
        return any(_origin(parsed) == _origin(parse_url(one.base_url)) for one in self._settings().values())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="slack-reply")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _later(self, url: str | None, text: Awaitable[str | None]) -> None:
        said = await text
        if said is not None:
            self.reply(url, said)

    async def _post(self, url: httpx.URL, document: Mapping[str, Any]) -> None:
        headers = {"Content-Type": "application/json; charset=utf-8"}
        try:
            with self._use() as configured:
                async with asyncio.timeout(REPLY_WITHIN_S):
                    http = configured.opened.toolbox.http
                    answer = await http.post(url, encoded(document), headers=headers)
        except (SendError, TimeoutError) as error:
            log.warning("slack_reply_failed", why=str(error) or "no answer in time")
            return
        if answer.status >= 300:
            log.warning("slack_reply_failed", why=f"Slack answered {answer.status}")


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
