"""Answers of Slack and of Slack-compatible hooks: fallback to text, and remedies for error codes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from notifier.channels.base import Toolbox
from notifier.channels.slack.sender import SlackChannel
from notifier.channels.slack.settings import SlackSettings
from notifier.domain.delivery import Outcome, Receipt, Thread
from notifier.domain.errors import SendError
from notifier.testing import Answer, FakeSlack
from notifier.testing.messages import message

pytestmark = pytest.mark.anyio


def opened(toolbox: Toolbox, **options: Any) -> SlackChannel:
    return SlackChannel(SlackSettings.model_validate(options), toolbox)


def bot(server: FakeSlack, toolbox: Toolbox) -> SlackChannel:
    return opened(toolbox, token=server.token, channel="#oncall", base_url=server.base_url)


def hook(server: FakeSlack, toolbox: Toolbox) -> SlackChannel:
    return opened(toolbox, webhook_url=server.webhook_url)


FORMS = (
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_blocks_too_long",
    "msg_too_long",
    "block_mismatch",
)


@pytest.mark.parametrize("code", FORMS)
async def test_what_slack_will_not_show_as_blocks_goes_as_text_at_once(toolbox: Toolbox, code: str) -> None:
    """Refused blocks are sent again as text in the same attempt, for posts, edits and replies."""
    with FakeSlack() as server:
        channel = bot(server, toolbox)
        server.fail(code)
        receipt = await channel.send(message(), target="#oncall", thread=Thread(id="t"))
        first, second = [one.json() for one in server.requests]
        assert {**second, "blocks": first["blocks"]} == first
        assert "blocks" not in second
        [root] = server.roots
        assert root.text.startswith("[billing/production]")

        server.fail(code)
        await channel.send(message(id="d-2"), target="#oncall", thread=Thread(id="t", ref=receipt.ref))
        assert server.edited[-1]["blocks"] == []
        assert (server.messages[root.ts].edits, server.messages[root.ts].document["blocks"]) == (1, [])


@pytest.mark.parametrize("code", FORMS)
async def test_a_hook_s_message_goes_as_text_as_well(toolbox: Toolbox, code: str) -> None:
    """A hook's code is read from plain text or JSON."""
    for body in (code.encode(), json.dumps({"ok": False, "error": code}).encode()):
        with FakeSlack() as server:
            server.script(Answer(status=400, body=body))
            await hook(server, toolbox).send(message(), target="x", thread=Thread(id="t"))
            assert ["blocks" in one.json() for one in server.requests] == [True, False]
            assert len(server.posted) == 1


async def test_what_is_refused_as_text_too_is_a_failure(toolbox: Toolbox) -> None:
    """There is one more request, and no third."""
    with FakeSlack() as server:
        server.fail("invalid_blocks", "invalid_blocks")
        with pytest.raises(SendError) as caught:
            await bot(server, toolbox).send(message(), target="#oncall", thread=Thread(id="t"))
        assert len(server.requests) == 2
    assert caught.value.outcome is Outcome.PERMANENT


async def test_another_refusal_is_not_repeated_as_text(toolbox: Toolbox) -> None:
    """Only errors about the message's form cause the fallback."""
    with FakeSlack() as server:
        server.fail("not_in_channel")
        with pytest.raises(SendError):
            await bot(server, toolbox).send(message(), target="#oncall", thread=Thread(id="t"))
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"error": "not_in_channel"}, "write `/invite @notifier` there"),
        ({"error": "channel_not_found"}, "or it is private and the app is not in it: check `channel`"),
        ({"error": "is_archived"}, "the channel is archived: unarchive it"),
        ({"error": "invalid_auth"}, "the token is not valid: copy the Bot User OAuth Token"),
        ({"error": "token_revoked"}, "the token was revoked: install the app again"),
        ({"error": "account_inactive"}, "install it again"),
        ({"error": "not_allowed_token_type"}, "the token is of another kind"),
        ({"error": "restricted_action"}, "forbid the app to post there: ask an administrator"),
        ({"error": "restricted_action_read_only_channel"}, "the channel is read-only"),
        ({"error": "ratelimited"}, "Slack asks to slow down"),
        ({"error": "missing_scope", "needed": "chat:write", "provided": "x"}, "lacks the scope chat:write: add it"),
        ({"error": "missing_scope", "needed": "chat:write,chat:write.public"}, "scope chat:write,chat:write.public"),
        ({"error": "missing_scope"}, "lacks a scope (chat:write): add it"),
        ({"error": "missing_scope", "needed": "<!channel> s3cr3t"}, "lacks a scope (chat:write): add it"),
        ({"error": "team_not_found"}, "the workspace is not known: copy the Bot User OAuth Token"),
        ({"error": "cannot_dm_bot"}, "name a person or a channel"),
        ({"error": "accesslimited"}, "it is tried again"),
        ({"error": "internal_error"}, "Slack has trouble of its own"),
        ({"error": "a_code_of_tomorrow"}, "Slack refused it: a_code_of_tomorrow"),
    ],
)  # fmt: skip
async def test_slack_s_codes_are_said_in_words(toolbox: Toolbox, answer: dict[str, str], words: str) -> None:
    """The error has the meaning and the remedy, with the code."""
    with FakeSlack() as server:
        server.script(Answer(body=json.dumps({"ok": False, **answer}).encode()))
        with pytest.raises(SendError) as caught:
            await bot(server, toolbox).send(message(), target="#oncall", thread=Thread(id="t"))
    assert words in caught.value.detail
    assert answer["error"] in caught.value.detail
    assert "s3cr3t" not in caught.value.detail


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, b"no_service", "make a new incoming webhook, and put its URL into `webhook_url`"),
        (403, b"action_prohibited", "ask an administrator"),
        (410, b"channel_is_archived", "the channel is archived"),
        (404, b'{"ok": false, "error": "no_service"}', "make a new incoming webhook"),
    ],
)
async def test_a_hook_s_codes_are_said_in_words(
    toolbox: Toolbox, status: int, body: bytes, words: str
) -> None:
    """A hook's code has the same sentences as a bot's."""
    with FakeSlack() as server:
        server.script(Answer(status=status, body=body))
        with pytest.raises(SendError) as caught:
            await hook(server, toolbox).send(message(), target="x", thread=Thread(id="t"))
    assert words in caught.value.detail


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=b"ok"),
        Answer(body=b"ok\n", headers={"Content-Type": "text/plain"}),
        Answer(body=b'"ok"'),
        Answer(body=b"OK"),
        Answer(body=b'{"success": true}'),
        Answer(body=b'{"success":true,"error":null}'),
        Answer(body=b'{"result": "success", "msg": ""}'),
        Answer(body=b'{"ok": true}'),
        Answer(body=b'{"status": "ok"}'),
        Answer(body=b'{"status": 200, "success": true}'),
        Answer(body=b'\xef\xbb\xbf{"success": true, "error": false}'),
        Answer(body=b'{"status": "QUEUED", "id": "x"}'),
        Answer(body=b"Success!"),
        Answer(status=202, body=b"Accepted"),
        Answer(status=204),
        Answer(status=201, body=b'{"success": true}'),
    ],
)
async def test_a_hook_that_says_that_it_took_it_is_believed(toolbox: Toolbox, answer: Answer) -> None:
    """Mattermost, Rocket.Chat and Zulip have Slack-compatible hooks with other success answers."""
    with FakeSlack() as server:
        server.script(answer)
        assert await hook(server, toolbox).send(message(), target="x", thread=Thread(id="t")) == Receipt()
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(body=b'{"success": false}'), Outcome.PERMANENT),
        (Answer(body=b'{"success": false, "error": "Invalid channel s3cr3t"}'), Outcome.PERMANENT),
        (Answer(body=b'{"success": true, "error": "s3cr3t"}'), Outcome.PERMANENT),
        (Answer(body=b'{"result": "error", "msg": "s3cr3t", "code": "BAD_REQUEST"}'), Outcome.PERMANENT),
        (Answer(body=b'{"ok": true, "result": "error"}'), Outcome.PERMANENT),
        (Answer(body=b'{"ok": false, "error": "no_service"}'), Outcome.GONE),
        (Answer(status=400, body=b'{"success": true}'), Outcome.PERMANENT),
        (Answer(status=500, body=b'{"success": true}'), Outcome.TRANSIENT),
        (Answer(body=b"{}"), Outcome.TRANSIENT),
        (Answer(body=b"[]"), Outcome.TRANSIENT),
        (Answer(body=b'{"message": "sign in"}'), Outcome.TRANSIENT),
        (Answer(body=b"not ok"), Outcome.TRANSIENT),
        (Answer(body=b"Sign in to be accepted"), Outcome.TRANSIENT),
        (Answer(body=b'{"status": "queued", "success": false}'), Outcome.PERMANENT),
        (Answer(body=b"<html>ok s3cr3t</html>", headers={"Content-Type": "text/html"}), Outcome.TRANSIENT),
        (Answer(body=b'<!DOCTYPE html><p>{"success": true}'), Outcome.TRANSIENT),
    ],
)
async def test_a_hook_that_does_not_say_so_is_not(toolbox: Toolbox, answer: Answer, outcome: Outcome) -> None:
    """A JSON error, a page or an unknown answer is not a delivery, and its text is not shown."""
    with FakeSlack() as server:
        server.script(answer)
        with pytest.raises(SendError) as caught:
            await hook(server, toolbox).send(message(), target="x", thread=Thread(id="t"))
    assert caught.value.outcome is outcome
    assert "s3cr3t" not in caught.value.detail
