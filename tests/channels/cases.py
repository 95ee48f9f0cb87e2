"""The conformance cases of the built-in kinds: settings, receivers and failures."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from email import message_from_bytes, policy
from typing import Any

from notifier.channels import console, email, slack, webhook
from notifier.channels.base import Callback
from notifier.domain.delivery import Outcome
from notifier.domain.value import replace
from notifier.testing import FakeSlack, SmtpServer, WebhookReceiver
from notifier.testing.cases import (
    ECHO,
    HTTP_TROUBLES,
    WAIT,
    ChannelCase,
    HttpCase,
    ReceivedMessage,
    Trouble,
    move,
)

SECRET = "whsec_" + base64.b64encode(b"k3y-that-nobody-may-see!").decode()
TOKEN = "xoxb-nobody-may-see-this"


ROUTING_KEY = "r0uting-key-that-nobody-may-see"


def hook(receiver: WebhookReceiver) -> dict[str, Any]:
    url = receiver.url.replace("http://", "http://user:pa55word@") + "?token=s3cr3t"
    return {"url": url, "secret": SECRET}


def hook_case(**options: Any) -> HttpCase:
    secrets = (SECRET, SECRET[6:], "pa55word", "s3cr3t", ROUTING_KEY)
    return HttpCase(
        webhook.KIND, lambda receiver: hook(receiver) | options, secrets=secrets, repeat_header="webhook-id"
    )


class SlackCase(HttpCase):
    """A Slack bot with a signing secret, and so with buttons."""

    def __init__(self) -> None:
        super().__init__(
            slack.KIND,
            lambda _receiver: {},
            secrets=(TOKEN,),
            markup=("<!channel>", "<https://evil.example|x>"),
        )
        codes = {
            "ratelimited": Outcome.THROTTLED, "is_archived": Outcome.GONE, "internal_error": Outcome.TRANSIENT,
            "not_in_channel": Outcome.PERMANENT, "invalid_auth": Outcome.PERMANENT,
        }  # fmt: skip
        coded = (
            Trouble(name=code, outcome=outcome, cause=self.failing(code), retry_after=WAIT)
            for code, outcome in codes.items()
        )
        self.troubles = (*HTTP_TROUBLES, *coded)

    @staticmethod
    def failing(code: str) -> Callable[[FakeSlack], None]:
        return lambda server: server.fail(code, headers={"Retry-After": "7"})

    def receiver(self) -> AbstractContextManager[Any]:
        return FakeSlack(token=TOKEN)

    def options(self, receiver: FakeSlack) -> dict[str, Any]:
        secret = receiver.signing_secret
        return {"token": TOKEN, "channel": "#oncall", "base_url": receiver.base_url, "signing_secret": secret}

    def visible(self, receiver: FakeSlack) -> Sequence[str]:
        return [message.text for message in receiver.roots]

    def belongs_to(self, first: ReceivedMessage, later: ReceivedMessage, ref: str) -> bool:
        return f'"thread_ts":"{ref.rpartition("/")[2]}"' in later.text

    def press(self, receiver: FakeSlack) -> Callback | None:
        root = receiver.roots[-1]
        if "acknowledge" not in root.buttons:
            return None
        headers, body = receiver.press(root.ts, "acknowledge")
        return Callback(headers={name.lower(): value for name, value in headers.items()}, body=body)


class SlackHookCase(HttpCase):
    """A Slack incoming webhook, which can only post."""

    def __init__(self) -> None:
        can = replace(
            slack.KIND.can, threads=False, edits=False, buttons=False, acknowledges=False, resolves=False
        )
        super().__init__(
            slack.KIND, lambda _receiver: {}, can=can, secrets=("s3cr3t",), markup=("<!channel>",)
        )
        gone = Trouble(
            name="no_service", outcome=Outcome.GONE, cause=SlackCase.failing("no_service"), retry_after=WAIT
        )
        self.troubles = (*HTTP_TROUBLES, gone)

    def receiver(self) -> AbstractContextManager[Any]:
        return FakeSlack()

    def options(self, receiver: FakeSlack) -> dict[str, Any]:
        return {"webhook_url": receiver.webhook_url}

    def press(self, receiver: FakeSlack) -> Callback | None:
        assert not any('"actions"' in received.text for received in self.received(receiver))
        return None


class EmailCase:
    kind = email.KIND
    can = email.KIND.can
    secrets = ("pa55word",)
    markup = (
        "<script>alert(1)</script>",
        "\r\nBcc: eve@example.com\r\n",
        "=?utf-8?q?=0ABcc:_eve@example.com?=",
    )

    def __init__(self) -> None:
        answers = {
            "421 4.7.0 try later": Outcome.THROTTLED, "451 4.3.0 try later": Outcome.THROTTLED,
            "554 5.6.0 no": Outcome.PERMANENT,
        }  # fmt: skip
        self.troubles: Sequence[Trouble] = (
            Trouble(name="550-5.1.1", outcome=Outcome.GONE, cause=self.refusing(f"550 5.1.1 {ECHO}")),
            *(
                Trouble(name=answer[:9], outcome=outcome, cause=self.ending(f"{answer} {ECHO}"))
                for answer, outcome in answers.items()
            ),
            Trouble(name="unreachable", outcome=Outcome.TRANSIENT, cause=move),
        )

    @staticmethod
    def refusing(answer: str) -> Callable[[SmtpServer], None]:
        return lambda server: server.refuse.update({"ann@example.com": answer})

    @staticmethod
    def ending(answer: str) -> Callable[[SmtpServer], None]:
        return lambda server: setattr(server, "after_data", answer)

    def receiver(self) -> AbstractContextManager[Any]:
        return SmtpServer()

    def options(self, receiver: SmtpServer) -> dict[str, Any]:
        return {
            "smtp": {"host": "127.0.0.1", "port": receiver.port},
            "from": "Notifier <notifier@example.com>",
            "to": ["ann@example.com"],
        }

    def received(self, receiver: SmtpServer) -> Sequence[ReceivedMessage]:
        return [
            ReceivedMessage(
                body=mail.raw,
                text=f"{mail.text}\n{mail.html}",
                headers={name.lower(): str(value) for name, value in mail.message.items()},
            )
            for mail in receiver.mails
        ]

    def visible(self, receiver: SmtpServer) -> Sequence[str]:
        return [mail.text for mail in receiver.mails]

    def make_slow(self, receiver: SmtpServer) -> None:
        receiver.hang = 60.0

    def make_quick(self, receiver: SmtpServer) -> None:
        receiver.hang = 0.0

    def renders_markup(self, received: ReceivedMessage, piece: str) -> bool:
        parsed = message_from_bytes(received.body, policy=policy.default)
        html = parsed.get_body(("html",))
        assert html is not None
        return parsed["Bcc"] is not None or ("<" in piece and piece in html.get_content())

    def belongs_to(self, first: ReceivedMessage, later: ReceivedMessage, ref: str) -> bool:
        """Both refer to a root message that was never sent, so no reference is stored."""
        return first.headers["in-reply-to"] == later.headers["in-reply-to"]

    def idempotency_key(self, received: ReceivedMessage) -> str | None:
        return received.headers["message-id"]

    def press(self, receiver: SmtpServer) -> Callback | None:
        return None


class ConsoleCase:
    """The console, with a stream in place of standard output."""

    kind = console.KIND
    can = console.KIND.can
    secrets: Sequence[str] = ()
    markup = ("\n[forged] CRITICAL: no line of ours", "\x1b[2J")

    def __init__(self) -> None:
        self.troubles: Sequence[Trouble] = (
            Trouble(name="closed", outcome=Outcome.TRANSIENT, cause=io.StringIO.close),
        )

    @contextmanager
    def receiver(self) -> Iterator[io.StringIO]:
        with redirect_stdout(_Output()) as stream:
            yield stream

    def options(self, receiver: io.StringIO) -> dict[str, Any]:
        return {}

    def received(self, receiver: io.StringIO) -> Sequence[ReceivedMessage]:
        blocks = [] if receiver.closed else receiver.getvalue().split("\n\n")
        return [ReceivedMessage(body=text.encode(), text=text) for text in blocks if text]

    def visible(self, receiver: io.StringIO) -> Sequence[str]:
        return [received.text for received in self.received(receiver)]

    def make_slow(self, receiver: io.StringIO) -> None:
        """Do nothing: a stream is never slow."""

    def make_quick(self, receiver: io.StringIO) -> None:
        """Do nothing: a stream is never slow."""

    def renders_markup(self, received: ReceivedMessage, piece: str) -> bool:
        return piece in received.text or not all(
            line.startswith("|") for line in received.text.splitlines() if line
        )

    def belongs_to(self, first: ReceivedMessage, later: ReceivedMessage, ref: str) -> bool:
        return False

    def idempotency_key(self, received: ReceivedMessage) -> str | None:
        return None

    def press(self, receiver: io.StringIO) -> Callback | None:
        return None


class _Output(io.StringIO):
    encoding = "utf-8"


CASES: Sequence[tuple[str, ChannelCase]] = (
    ("Console", ConsoleCase()),
    ("Email", EmailCase()),
    ("Slack", SlackCase()),
    ("SlackHook", SlackHookCase()),
    ("Webhook", hook_case()),
    ("WebhookAlertmanager", hook_case(format="alertmanager-v4")),
    ("WebhookPagerDuty", hook_case(format="pagerduty-v2", routing_key=ROUTING_KEY)),
    ("WebhookCloudEvents", hook_case(format="cloudevents")),
)
"""At least one case for each built-in kind, named like its test class."""
