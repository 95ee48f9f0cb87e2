"""What is pressed in the demo's inbox: a signed request as Slack sends it, and nothing that another page could send."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from notifier.channels.slack import signature
from notifier.demo.inbox import blocks
from notifier.demo.inbox.demo_services import AWAY, DemoServices
from notifier.demo.inbox.messages import SlackPost, read_slack
from notifier.demo.inbox.received import ReceivedMessages
from notifier.demo.inbox.server import serve
from notifier.demo.trials import TRIALS
from notifier.testing import Answer, WebhookReceiver
from tests.sockets import free_port

pytestmark = pytest.mark.anyio

SECRET = "0123456789abcdef"
MESSAGE: dict[str, Any] = {
    "channel": "#oncall",
    "text": "it broke",
    "blocks": [
        {"type": "header", "text": {"type": "plain_text", "text": "it *broke*"}},
        {"type": "divider"},
        {
            "type": "section", "text": {"type": "mrkdwn", "text": "*b* <https://e.example|runbook>"},
            "fields": [{"type": "mrkdwn", "text": "*service*\nshop"}, {"type": "plain_text", "text": "a *b*"}],
            "accessory": {"type": "overflow", "action_id": "more", "options": [
                {"text": {"type": "plain_text", "text": "later"}, "value": "l"},
            ]},
        },
        {"type": "rich_text", "elements": [
            {"type": "rich_text_section", "elements": [
                {"type": "text", "text": "<since> ", "style": {"bold": True}},
                {"type": "date", "timestamp": 1763787600, "format": "{date_num}", "fallback": "then"},
                {"type": "link", "url": "https://e.example/x", "text": "more"},
            ]},
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "raise *X* <y>"}]},
            {"type": "rich_text_list", "elements": [
                {"type": "rich_text_section", "elements": [{"type": "text", "text": "one"}]},
            ]},
        ]},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "why"}, {"type": "image", "image_url": "x"}]},
        {"type": "actions", "block_id": "acts", "elements": [
            {"type": "button", "action_id": "ack", "value": "t-1", "style": "primary",
             "text": {"type": "plain_text", "text": "Acknowledge"},
             "confirm": {"text": {"type": "plain_text", "text": "Really?"}}},
            {"type": "static_select", "action_id": "silence", "placeholder": {"type": "plain_text", "text": "Silence"},
             "options": [{"text": {"type": "plain_text", "text": "1 hour"}, "value": "t-1 1h"}]},
            {"type": "button", "action_id": "open", "url": "https://e.example",
             "text": {"type": "plain_text", "text": "Open"}},
            {"type": "datepicker", "action_id": "day"},
        ]},
    ],
    "attachments": [{"color": "#f00", "fallback": "an older way"}],
}  # fmt: skip


def test_block_kit_is_read_as_it_is_shown() -> None:
    """Whatever a message is made of, in its order; what is plain text stays as it is."""
    lines = [(line.style, line.text, line.plain) for line in blocks.lines(MESSAGE)]
    assert lines == [
        ("header", "it *broke*", True),
        ("text", "*b* <https://e.example|runbook>", False),
        ("field", "*service*\nshop", False),
        ("field", "a *b*", True),
        ("text", "*&lt;since&gt; *<!date^1763787600^{date_num}|then><https://e.example/x|more>", False),
        ("code", "raise *X* <y>", True),
        ("text", "- one", False),
        ("small", "why", False),
        ("text", "an older way", False),
    ]
    actions = list(blocks.actions(MESSAGE))
    assert [action.label for action in actions] == ["...", "Acknowledge", "Silence", "Open"]
    assert (actions[1].block_id, actions[1].style, actions[1].confirm) == ("acts", "primary", "Really?")
    assert [choice.value for choice in actions[2].choices] == ["t-1 1h"]


@pytest.mark.parametrize("document", [{}, {"blocks": None}, {"blocks": [1, {}]}, {"blocks": [{"type": "actions"}]},
                                      {"blocks": [{"type": "section", "text": "x"}, {"type": "header"}]}])  # fmt: skip
def test_what_is_no_block_kit_is_nothing(document: dict[str, Any]) -> None:
    """The text alone is shown."""
    assert not list(blocks.lines(document))
    assert not list(blocks.actions(document))
    assert read_slack({**document, "text": "it broke"}, ts="1").lines[0].text == "it broke"


@dataclass(frozen=True, kw_only=True)
class Open:
    box: ReceivedMessages
    http: httpx.AsyncClient
    service: WebhookReceiver

    async def press(self, action: int, value: str = "", number: int = 1, **headers: str) -> httpx.Response:
        form = {"message": number, "action": action, "value": value}
        return await self.http.post("/press", data=form, headers=headers)

    def payload(self) -> dict[str, Any]:
        """What the service was sent last, once its signature has been looked at as the service does."""
        (request,) = self.service.requests
        stamp, signed = (request.headers[f"x-slack-{name}"] for name in ("request-timestamp", "signature"))
        assert signature.signers({"it": SECRET}, stamp, signed, request.body) == {"it"}
        found: dict[str, Any] = json.loads(parse_qs(request.body.decode())["payload"][0])
        return found


@asynccontextmanager
async def opened(answer: Answer | None = None) -> AsyncIterator[Open]:
    """An inbox with one Slack message, and a service that answers so."""
    box, port = ReceivedMessages(), free_port()
    with WebhookReceiver() as service:
        if answer is not None:
            service.script(answer)
        url = service.origin
        inbox = f"http://127.0.0.1:{port}"
        services = DemoServices(service=url, app=url, inbox=inbox, signing_secret=SECRET)
        async with (
            serve(box, port=port, token="xoxb-demo", services=services),
            httpx.AsyncClient(base_url=inbox, timeout=60) as http,
        ):
            box.put(read_slack(MESSAGE, ts="1700000000.000001"))
            yield Open(box=box, http=http, service=service)


async def test_a_press_is_sent_as_slack_sends_it() -> None:
    """Signed, with who pressed what of which message."""
    async with opened() as inbox:
        answer = await inbox.press(1, "t-1")
        assert (answer.status_code, answer.headers["location"]) == (303, "/#m1")
        payload = inbox.payload()
    assert payload["type"] == "block_actions"
    assert payload["container"]["message_ts"] == "1700000000.000001"
    assert payload["user"]["team_id"] == payload["team"]["id"]
    (action,) = payload["actions"]
    assert (action["action_id"], action["block_id"], action["value"]) == ("ack", "acts", "t-1")


async def test_a_choice_is_sent_as_what_was_selected() -> None:
    """Of a menu."""
    async with opened() as inbox:
        await inbox.press(2, "t-1 1h")
        (action,) = inbox.payload()["actions"]
    assert action["selected_option"] == {"text": {"type": "plain_text", "text": "1 hour"}, "value": "t-1 1h"}
    assert "value" not in action


async def test_what_the_service_says_to_whoever_pressed_is_shown() -> None:
    """Below the message, from the answer or later from the response's address."""
    said = Answer(body=json.dumps({"text": "somebody else has it"}).encode())
    async with opened(said) as inbox:
        await inbox.press(1, "t-1")
        assert "Only you see this: somebody else has it" in (await inbox.http.get("/")).text
        later = inbox.payload()["response_url"]
        await inbox.http.post(later, json={"response_type": "ephemeral", "text": "done at last"})
        assert "done at last" in (await inbox.http.get("/")).text
        entry = inbox.box.at(1)
    assert entry is not None
    assert isinstance(entry.message, SlackPost)
    assert entry.message.note == "done at last"


async def test_a_refusal_and_a_service_that_is_away_are_said() -> None:
    """In a sentence, and never as a failure of the page."""
    async with opened(Answer(status=401, body=b'{"detail": "it is of no configured app"}')) as inbox:
        await inbox.press(1, "t-1")
        assert "it is of no configured app" in (await inbox.http.get("/")).text
    box, port = ReceivedMessages(), free_port()
    nobody = f"http://127.0.0.1:{free_port()}"
    services = DemoServices(service=nobody, app=nobody, inbox=nobody, signing_secret=SECRET)
    async with (
        serve(box, port=port, token="xoxb-demo", services=services),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http,
    ):
        box.put(read_slack(MESSAGE, ts="1.0"))
        await http.post("/press", data={"message": 1, "action": 1, "value": "t"})
        entry = box.at(1)
        assert entry is not None
        assert isinstance(entry.message, SlackPost)
        assert entry.message.note == AWAY
        answer = await http.post("/try/storm", follow_redirects=True)
        assert AWAY in answer.text


async def test_what_is_not_there_is_not_pressed() -> None:
    """Another message, another button, a message that was edited meanwhile: the page says so."""
    async with opened() as inbox:
        for action, number in ((1, 7), (9, 1)):
            answer = await inbox.press(action, number=number)
            assert answer.status_code == 303
            assert "said=" in answer.headers["location"]
        assert (await inbox.http.post("/press", data={"message": "x"})).status_code == 303
        assert (await inbox.http.post("/press", content=b"\xff")).status_code == 303
        assert (await inbox.http.post("/try/nothing")).status_code == 404
        assert not inbox.service.requests


async def test_a_page_of_somebody_else_presses_nothing() -> None:
    """What is pressed here acts for real."""
    async with opened() as inbox:
        assert (await inbox.press(1, "t-1", origin="https://evil.example")).status_code == 403
        answer = await inbox.http.post("/try/storm", headers={"origin": "null"})
        assert answer.status_code == 403
        assert not inbox.service.requests
        own = str(inbox.http.base_url).rstrip("/")
        assert (await inbox.press(1, "t-1", origin=own)).status_code == 303


async def test_a_message_s_own_link_leads_to_it_on_the_page() -> None:
    """Slack's archives are here."""
    async with opened() as inbox:
        answer = await inbox.http.get("/archives/C0DEMO/p1700000000000001")
        assert (answer.status_code, answer.headers["location"]) == (303, "/#m1")
        assert (await inbox.http.get("/archives/C0DEMO/p1")).headers["location"] == "/"


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)
async def test_each_trial_is_a_request_to_the_application(trial: Any) -> None:
    """The same that its line for a shell sends."""
    async with opened() as inbox:
        assert (await inbox.http.post(f"/try/{trial.name}")).status_code == 303
        (request,) = inbox.service.requests
    assert request.method == "POST"
    assert trial.path in trial.curl("http://app")
    assert (trial.file is not None) == (b"orders.csv" in request.body)
