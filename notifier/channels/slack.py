"""Slack messages in Block Kit, by bot token (threads) or incoming webhook.

Limits: https://docs.slack.dev/reference/block-kit/blocks. Errors: https://docs.slack.dev/reference/methods/chat.postMessage.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SecretStr, model_validator
from slack_sdk.models.blocks import (
    Block,
    ContextBlock,
    HeaderBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)

from notifier.channels import wording
from notifier.channels.base import ChannelSettings, Kind, Toolbox
from notifier.channels.http import Reply, parse_url
from notifier.channels.outcomes import failure
from notifier.domain.delivery import Outcome, Receipt, Thread
from notifier.domain.errors import SendError
from notifier.domain.message import Message
from notifier.domain.time import SECOND

HEADER, SECTION, PART, BLOCKS = 150, 3_000, 1_500, 50
# All blocks together, as bytes of JSON: `msg_blocks_too_long` comes from some 12,000 to 13,200 on, and Slack documents
# no number (slackapi/bolt-js, issues 2509 and 2867).
CAP = 10_000

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}

_WHOLE_CHANNEL = frozenset(
    {"account_inactive", "invalid_auth", "invalid_token", "missing_scope", "not_authed", "token_expired",
     "token_revoked"}
)  # fmt: skip
_OUTCOMES = {
    "ratelimited": Outcome.THROTTLED,
    "rate_limited": Outcome.THROTTLED,
    "message_limit_exceeded": Outcome.THROTTLED,
    "is_archived": Outcome.GONE,
    "channel_is_archived": Outcome.GONE,
    "no_service": Outcome.GONE,
    "no_active_hooks": Outcome.GONE,
    "internal_error": Outcome.TRANSIENT,
    "fatal_error": Outcome.TRANSIENT,
    "service_unavailable": Outcome.TRANSIENT,
    "request_timeout": Outcome.TRANSIENT,
    "team_added_to_org": Outcome.TRANSIENT,
    "rollup_error": Outcome.TRANSIENT,
}


def _url(text: str) -> str:
    parse_url(text)
    return text


def _secret_url(secret: SecretStr) -> SecretStr:
    parse_url(secret.get_secret_value())
    return secret


def _token(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]+", secret.get_secret_value()):
        raise ValueError("must be a token such as xoxb-..., without spaces or line breaks")
    return secret


class SlackSettings(ChannelSettings):
    """Either `token` and `channel`, or `webhook_url`."""

    token: Annotated[SecretStr, AfterValidator(_token)] | None = None
    channel: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    webhook_url: Annotated[SecretStr, AfterValidator(_secret_url)] | None = None
    base_url: Annotated[str, AfterValidator(_url)] = "https://slack.com/api/"

    @model_validator(mode="after")
    def _one_way(self) -> SlackSettings:
        if self.webhook_url is not None:
            if self.token is not None or self.channel is not None:
                raise ValueError("has both ways: keep `token` and `channel`, or `webhook_url`")
        elif self.token is None or self.channel is None:
            raise ValueError("needs `token` and `channel` (a bot), or `webhook_url` (an incoming webhook)")
        return self


def escaped(text: str, limit: int) -> str:
    """`&`, `<` and `>` as Slack wants them, cut to `limit` UTF-16 units without splitting an entity."""
    parts = [_ESCAPES.get(char, char) for char in text]
    sizes = [len(part) + (ord(part[0]) > 0xFFFF) for part in parts]
    if sum(sizes) <= limit:
        return "".join(parts)
    used, kept = 1, 0
    while used + sizes[kept] <= limit:
        used += sizes[kept]
        kept += 1
    return "".join(parts[:kept]) + "…"


def payload(message: Message) -> dict[str, Any]:
    """`text` (the fallback and the notification's line) and `blocks`."""
    told = wording.story(message)
    return {
        "text": escaped(told.headline if told.titled else f"[{told.scope}] {told.headline}", SECTION),
        "blocks": _fitting(told),
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _fitting(told: wording.Story) -> list[dict[str, Any]]:
    """The blocks under the cap: without code, then without frames and messages, at last with fewer incidents."""
    blocks: list[dict[str, Any]] = []
    for shorter in _shortened(told):
        # Twenty incidents stay below the limit: note, header, two blocks each, one context.
        blocks = [block.to_dict() for block in _blocks(shorter)][:BLOCKS]
        if len(_encoded(blocks)) <= CAP:
            break
    return blocks


def _shortened(told: wording.Story) -> Iterator[wording.Story]:
    yield told
    yield replace(told, entries=tuple(replace(one, code=None) for one in told.entries))
    bare = tuple(replace(one, code=None, frame=None, message=None) for one in told.entries)
    yield replace(told, entries=bare)
    for kept in range(len(bare) - 1, 0, -1):
        more = f"{len(bare) - kept} more of these incidents have no room here"
        yield replace(told, entries=bare[:kept], asides=(more, *told.asides))


def _blocks(told: wording.Story) -> Iterator[Block]:
    if told.note is not None:
        yield _section(escaped(told.note, PART))
    yield HeaderBlock(text=PlainTextObject(text=escaped(told.headline, HEADER), emoji=False))
    for one in told.entries:
        yield _entry(one, titled=told.titled)
        if one.frame is not None:
            yield _frame(one)
    yield ContextBlock(elements=[_markdown(escaped("\n".join(told.asides), PART))])


def _entry(one: wording.Entry, *, titled: bool) -> Block:
    lines = [f"*{escaped(f'{one.state}: {one.title}', 600)}*"] if titled else []
    lines.append(f"*{one.severity}* · {escaped(one.span, 200)}")
    lines += [escaped(one.message, 500)] if one.message else []
    if titled:
        lines.append(escaped(" · ".join(f"{name} {value}" for name, value in one.where), 600))
    link = _link(one)
    lines.append(link or one.name or "")
    fields = [_markdown(f"*{name}*\n{escaped(value, 300)}") for name, value in one.where]
    return SectionBlock(
        text=_markdown("\n".join(filter(None, lines))), fields=None if titled else fields or None
    )


def _frame(one: wording.Entry) -> Block:
    # A backtick in the text could end the code span early.
    place = f"`{escaped((one.frame or '').replace('`', chr(0x2019)), 600)}`"
    code = "" if one.code is None else f"\n```{escaped(one.code.replace('`', chr(0x2019)), 1_500)}```"
    return _section(place + code)


def _section(text: str) -> SectionBlock:
    return SectionBlock(text=_markdown(text))


def _markdown(text: str) -> MarkdownTextObject:
    # Verbatim: Slack makes neither links nor mentions of what it finds in the text.
    return MarkdownTextObject(text=text, verbatim=True)


def _link(one: wording.Entry) -> str | None:
    """A link that is cut leads nowhere, so one that is too long for the section is left out."""
    url = escaped(wording.plain(one.url or "", 1_000), 1_500).replace("|", "%7C")
    return f"<{url}|Open {one.name or 'notifier'}>" if 0 < len(url) <= 700 else None


class SlackChannel:
    def __init__(self, settings: SlackSettings, toolbox: Toolbox) -> None:
        self._settings = settings
        self._http = toolbox.http
        hook = settings.webhook_url
        base = settings.base_url.rstrip("/") + "/chat.postMessage"
        self._url = parse_url(base if hook is None else hook.get_secret_value())
        self._headers = {"Content-Type": "application/json; charset=utf-8"}
        if settings.token is not None:
            self._headers["Authorization"] = f"Bearer {settings.token.get_secret_value()}"

    async def send(self, message: Message, *, target: str, thread: Thread) -> Receipt:  # noqa: ARG002
        body = payload(message)
        if self._settings.webhook_url is None:
            body["channel"] = self._settings.channel
            if thread.ref is not None:
                body["thread_ts"] = thread.ref
        reply = await self._http.post(self._url, _encoded(body), headers=self._headers)
        if self._settings.webhook_url is None:
            return read_api(reply)
        return read_hook(reply)

    async def aclose(self) -> None:
        return None


def _encoded(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def read_api(reply: Reply) -> Receipt:
    """The receipt that a Web API answer is; `ok: false` is a failure whatever the status. Raises `SendError`."""
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError):
        raise failure(reply.status, reply.retry_after) or _not_json(reply) from None
    if isinstance(answer, dict) and answer.get("ok") is True:
        ts = answer.get("ts")
        return Receipt(ref=ts if isinstance(ts, str) and ts else None)
    code = answer.get("error") if isinstance(answer, dict) else None
    raise _refused(code, reply)


def read_hook(reply: Reply) -> Receipt:
    """The receipt that an incoming webhook's answer is: the text `ok`. Raises `SendError`."""
    text = reply.body.decode("utf-8", "replace").strip()
    if 200 <= reply.status < 300:
        if text == "ok":
            return Receipt()
        if not reply.whole:
            raise _not_json(reply)
    raise _refused(text, reply)


def _refused(code: object, reply: Reply) -> SendError:
    """The error for one of Slack's codes; anything that does not look like a code is judged by the status alone."""
    if not isinstance(code, str) or not re.fullmatch(r"[a-z_]{2,60}", code):
        return failure(reply.status, reply.retry_after) or _not_json(reply)
    by_status = failure(reply.status, reply.retry_after)
    outcome = _OUTCOMES.get(code, Outcome.PERMANENT if by_status is None else by_status.outcome)
    if code in _WHOLE_CHANNEL:
        outcome = Outcome.PERMANENT
    return SendError(
        outcome,
        f"Slack refused it: {code}",
        retry_after=reply.retry_after,
        whole_channel=code in _WHOLE_CHANNEL,
    )


def _not_json(reply: Reply) -> SendError:
    if not reply.whole:
        return SendError(
            Outcome.AMBIGUOUS, "Slack's answer broke off before it said whether it took the message"
        )
    kind = "HTML" if "html" in reply.content_type else "something else"
    return SendError(
        Outcome.TRANSIENT,
        f"{kind} came back where Slack answers otherwise: is there a proxy in between, and is the URL right?",
    )


def _open(_name: str, settings: SlackSettings, toolbox: Toolbox) -> SlackChannel:
    return SlackChannel(settings, toolbox)


def _targets(settings: SlackSettings) -> tuple[str, ...]:
    """A webhook's path is its secret, so its target goes by the host alone."""
    if settings.webhook_url is None:
        return (settings.channel or "",)
    return (parse_url(settings.webhook_url.get_secret_value()).host,)


KIND = Kind(name="slack", settings=SlackSettings, open=_open, targets=_targets, pace=SECOND, concurrency=4)
