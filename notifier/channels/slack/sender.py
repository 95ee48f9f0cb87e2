"""The sender: posts to an incoming webhook, or as a bot that edits one root per episode and replies below it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from notifier.channels.base import Toolbox
from notifier.channels.checks import reached
from notifier.channels.http import Reply, parse_url
from notifier.channels.slack import blocks, codes, message_ref, scopes
from notifier.channels.slack.encoding import encoded
from notifier.channels.slack.message_ref import MessageRef
from notifier.channels.slack.responses import SlackError, read_api, read_hook
from notifier.channels.slack.settings import SlackSettings
from notifier.domain.delivery import Outcome, Receipt, Thread
from notifier.domain.errors import SendError
from notifier.domain.message import Message
from notifier.domain.notification import Reason
from notifier.domain.value import replace
from notifier.telemetry.logging import get

_STANDALONE = frozenset({Reason.DIGEST, Reason.FALLBACK, Reason.SYSTEM, Reason.TEST})
_NOT_EDITABLE = frozenset({"cant_update_message", "edit_window_closed"})
_ROOT_GONE = frozenset({"message_not_found", "thread_not_found", "cannot_reply_to_message"})
# The `text` repeats an event's content, so it gets no markup either.
_POSTED = {"unfurl_links": False, "unfurl_media": False, "mrkdwn": False}
TEAM_TIMEOUT_S = 3.0

T = TypeVar("T")

log = get("notifier.slack")


class SlackChannel:
    def __init__(self, settings: SlackSettings, toolbox: Toolbox) -> None:
        self._http = toolbox.http
        self._clock = toolbox.clock
        self._webhook_url = None if settings.webhook_url is None else settings.webhook_url.get_secret_value()
        self._channel = settings.channel or ""
        base = parse_url(settings.base_url)
        self._base = settings.base_url.rstrip("/")
        self._origin = f"{base.scheme}://{base.netloc.decode('ascii')}"
        self._options = blocks.BlockOptions(
            buttons=settings.signing_secret is not None, time_zone=settings.time_zone
        )
        self._headers = {"Content-Type": "application/json; charset=utf-8"}
        if settings.token is not None:
            self._headers["Authorization"] = f"Bearer {settings.token.get_secret_value()}"
        self._known_team = ""

    async def send(self, message: Message, *, target: str, thread: Thread) -> Receipt:  # noqa: ARG002
        if self._webhook_url is not None:
            return await self._post_to_webhook(self._webhook_url, message)
        root = message_ref.parse(thread.ref)
        if root is None:
            return await self._start_thread(message, thread)
        if not root.channel:
            root = replace(root, channel=self._channel_id())
        try:
            await self._update_thread(message, thread, root)
        except SlackError as error:
            if error.code not in _ROOT_GONE:
                raise
            # The root was deleted: the message starts a new thread instead of being lost.
            return await self._start_thread(message, thread)
        return Receipt(ref=thread.ref)

    async def check(self, *, target: str) -> str:  # noqa: ARG002 - there is one
        """Checks a webhook's connection, or a bot's token and, if it is configured by its id, the channel."""
        if self._webhook_url is not None:
            return reached(await self._http.reach(parse_url(self._webhook_url)), self._clock.now())
        reply = await self._request("auth.test", {})
        identity, granted = read_api(reply), scopes.granted(reply.headers)
        name = (
            f"the token is {identity.get('user') or 'a bot'}'s in {identity.get('team') or 'its workspace'}"
        )
        if granted is not None:
            name = f"{name}; {scopes.sentence(granted)}"
        if not self._channel_id():
            return f"{name}; give the channel by its id (C...), and it is looked at as well"
        try:
            response = await self._call("conversations.info", {"channel": self._channel_id()})
        except SlackError as error:
            if error.code != "missing_scope":
                raise
            return f"{name}; so the channel cannot be looked at"
        channel = response.get("channel")
        if isinstance(channel, Mapping) and channel.get("is_archived"):
            raise SendError(Outcome.GONE, "the channel is archived: name another, or unarchive it")
        if isinstance(channel, Mapping) and channel.get("is_member") is False:
            if granted and scopes.POST_ANYWHERE in granted and not channel.get("is_private"):
                return f"{name}; it is not in the channel, and may post there all the same"
            raise SendError(Outcome.PERMANENT, "the bot is not in the channel: /invite it there")
        return f"{name}; it is in the channel"

    async def aclose(self) -> None:
        return None

    async def _start_thread(self, message: Message, thread: Thread) -> Receipt:
        body = {**self._body(message, thread), **_POSTED, "channel": self._channel}
        posted = message_ref.of_posted(await self._call_with_fallback("chat.postMessage", body))
        if posted is None:
            return Receipt()
        return Receipt(ref=str(replace(posted, team=posted.team or await self._team())))

    async def _update_thread(self, message: Message, thread: Thread, root: MessageRef) -> None:
        """Edits the root, and posts the change below it. A storm only has the edited message."""
        if root.channel:
            await self._edit(self._body(message, thread), root)
        if message.reason is Reason.DIGEST and root.channel:
            return
        body = (
            blocks.payload(message, self._options)
            if message.reason in _STANDALONE
            else blocks.reply(message, self._options)
        )
        parameters: dict[str, Any] = {"channel": root.channel or self._channel, "thread_ts": root.ts}
        # Only followers of a thread are notified of a reply, so urgent changes are also shown in the channel.
        if message.reason not in blocks.QUIET:
            parameters["reply_broadcast"] = True
        await self._call_with_fallback("chat.postMessage", {**body, **_POSTED, **parameters})

    async def _edit(self, body: Mapping[str, Any], root: MessageRef) -> None:
        try:
            await self._call_with_fallback("chat.update", {**body, "channel": root.channel, "ts": root.ts})
        except SlackError as error:
            if error.code not in _NOT_EDITABLE:
                raise

    def _body(self, message: Message, thread: Thread) -> dict[str, Any]:
        if message.reason in _STANDALONE or message.group is None:
            return blocks.payload(message, self._options)
        before = message_ref.parse(thread.previous_ref)
        if before is not None and not before.channel:
            before = replace(before, channel=self._channel_id())
        link = None if before is None else message_ref.link(before, self._origin)
        return blocks.root(message, replace(self._options, previous=link))

    def _channel_id(self) -> str:
        """The channel's id if it is configured. Edits and links need the id; a name is not enough."""
        return self._channel if re.fullmatch(r"[CG][A-Z0-9]{2,40}", self._channel) else ""

    async def _team(self) -> str:
        """The workspace's id, requested once. If the request fails, the posted message still counts."""
        if not self._known_team:
            try:
                async with asyncio.timeout(TEAM_TIMEOUT_S):
                    answer = await self._call("auth.test", {})
            except (SendError, TimeoutError):
                return ""
            self._known_team = message_ref.id_of(answer.get("team_id"))
        return self._known_team

    async def _call_with_fallback(self, method: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return await _with_text_fallback(lambda body: self._call(method, body), body)

    async def _call(self, method: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return read_api(await self._request(method, body))

    async def _request(self, method: str, body: Mapping[str, Any]) -> Reply:
        url = parse_url(f"{self._base}/{method}")
        return await self._http.post(url, encoded(body), headers=self._headers)

    async def _post_to_webhook(self, url: str, message: Message) -> Receipt:
        async def post(body: Mapping[str, Any]) -> Receipt:
            reply = await self._http.post(parse_url(url), encoded(body), headers=self._headers)
            return read_hook(reply)

        return await _with_text_fallback(post, {**blocks.payload(message, self._options), **_POSTED})


async def _with_text_fallback(
    send: Callable[[Mapping[str, Any]], Awaitable[T]], body: Mapping[str, Any]
) -> T:
    """Repeats a call with the text alone if Slack refused the blocks, so that the alert arrives in any form."""
    try:
        return await send(body)
    except SlackError as error:
        if not codes.rejects_blocks(error.code) or not body.get("blocks"):
            raise
        log.warning("slack_blocks_refused", code=error.code)
    plain = {name: value for name, value in body.items() if name != "blocks"}
    # An edit without `blocks` would keep the old ones.
    return await send({**plain, "blocks": []} if "ts" in body else plain)
