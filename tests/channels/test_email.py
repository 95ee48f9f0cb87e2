"""Mail: its content, its headers, and the meaning of the server's replies."""

from __future__ import annotations

import asyncio
import colorsys
import re
import socket
import ssl
from email import message_from_bytes, policy
from html import unescape
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from notifier import wording
from notifier.channels import email, http
from notifier.channels.smtp import DEADLINE, QUIT, SmtpSession, refusal
from notifier.delivery import sends
from notifier.domain.delivery import Outcome, Receipt, Thread
from notifier.domain.errors import SendError
from notifier.domain.message import ActionLink, EpisodeSummary, Message, Told
from notifier.domain.notification import Reason
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import MINUTE, SECOND
from notifier.domain.value import replace
from notifier.testing import SmtpServer, certificate
from notifier.testing.messages import AT, incident, message, several
from notifier.wording import RenderOptions

pytestmark = pytest.mark.anyio

SENDER = email.parse_address("Notifier <notifier@example.com>")


def channel(server: SmtpServer) -> email.EmailChannel:
    options = {
        "smtp": {"host": "127.0.0.1", "port": server.port},
        "from": "Notifier <notifier@example.com>",
        "to": ["ann@example.com", "bob@example.com"],
    }
    return email.EmailChannel(email.EmailSettings.model_validate(options))


async def told(sender: email.EmailChannel, to: str = "ann@example.com") -> Receipt | SendError:
    try:
        return await sender.send(message(), target=to, thread=Thread(id="t-1"))
    except SendError as error:
        return error


async def failed(sender: email.EmailChannel) -> SendError:
    error = await told(sender)
    assert isinstance(error, SendError)
    return error


async def test_a_mail_arrives_with_what_a_person_needs() -> None:
    """Text and HTML have the problem, place, times, count, reason and link; the headers make a thread."""
    with SmtpServer() as server:
        receipt = await told(channel(server))
    (mail,) = server.mails
    assert isinstance(receipt, Receipt)
    assert mail.recipients == ("ann@example.com",)
    assert mail.message["Message-ID"] == receipt.ref == "<0192f0d0aaaa@example.com>"
    assert mail.message["References"] == mail.message["In-Reply-To"] == "<thread-t-1@example.com>"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.message["Subject"] == (
        "[billing/production] error: TimeoutError: upstream timed out after 30s (shop)"
    )
    assert mail.text.splitlines()[0] == (
        "New: TimeoutError: upstream timed out after 30s · error in billing/production"
    )
    for fact in (
        "4,312 times",
        "2026-11-22 04:00 UTC",
        "billing/tasks.py:88 in charge",
        "incidents/142",
        "4,311",
    ):
        assert fact in mail.text
        assert fact in mail.html


def test_the_subject_stays_when_the_state_changes() -> None:
    """All messages of a conversation have its subject, because mail clients group by subject."""
    opened = wording.conversation_of(message(), None)
    mails = [
        mail_of(
            message(
                reason=reason,
                id=reason.value,
                told=(Told(incident=incident(count=n, title=f"another {n}"), reason=reason),),
                conversation=opened,
            )
        )
        for n, reason in enumerate((Reason.OPENED, Reason.RESOLVED, Reason.REPEATED))
    ]
    assert len({str(mail["Subject"]) for mail in mails}) == 1
    assert len({str(mail["Message-ID"]) for mail in mails}) == 3


def mail_of(told: Message, thread: Thread | None = None) -> Any:
    """The mail as Python's parser reads it."""
    where = Thread(id="t-1") if thread is None else thread
    raw = email.payload(told, sender=SENDER, recipient="ann@example.com", thread=where)
    return message_from_bytes(raw.replace(b"\r\n", b"\n"), policy=policy.default)


def first_lines(told: Message) -> tuple[str, str]:
    """The first line in text and in HTML, which the list of an inbox shows."""
    mail = mail_of(told)
    html = mail.get_body(("html",)).get_content()
    shown = re.sub(r"<[^>]*>", "\n", html.partition("<body")[2].partition(">")[2])
    first = next(line.strip() for line in shown.splitlines() if line.strip())
    return mail.get_body(("plain",)).get_content().splitlines()[0], unescape(first)


def own_group(**changes: Any) -> Message:
    """A message about a group of one incident, as `group_by: [incident]` makes it."""
    reason, actor = changes.pop("reason", Reason.OPENED), changes.pop("actor", None)
    told = Told(incident=incident(first_seen=AT, last_seen=AT, **changes), reason=reason, actor=actor)
    return message(told=(told,), labels={"incident": told.incident.id}, reason=reason, project="default")


RAISED = own_group(reason=Reason.SEVERITY_RAISED, severity=Severity.CRITICAL)


def conversations(*told: Message) -> list[Message]:
    """The messages of one episode with the conversations that they open or continue."""
    said: list[Message] = []
    for one in told:
        before = said[-1].conversation if said else None
        said.append(replace(one, conversation=wording.conversation_of(one, before)))
    return said


def test_a_raise_to_critical_opens_a_conversation_that_refers_to_the_old_one() -> None:
    """Later messages, the resolution included, are in the new conversation; nothing else changes a subject."""
    episode = conversations(
        own_group(severity=Severity.WARNING),
        own_group(reason=Reason.SEVERITY_RAISED, severity=Severity.ERROR),
        own_group(reason=Reason.ACKNOWLEDGED, state=State.ACKNOWLEDGED, actor="ann", count=7),
        RAISED,
        own_group(reason=Reason.SEVERITY_RAISED, severity=Severity.CRITICAL, title="another"),
        own_group(
            reason=Reason.RESOLVED, state=State.RESOLVED, resolved_at=AT + MINUTE, severity=Severity.CRITICAL
        ),
    )
    mails = [mail_of(told, Thread(id="t-1", ref="<first@example.com>")) for told in episode]
    title = "TimeoutError: upstream timed out after 30s"
    assert [str(mail["Subject"]) for mail in mails] == [
        *[f"[billing/production] warning: {title}"] * 3,
        *[f"[billing/production] critical: {title}"] * 3,
    ]
    assert {str(mail["References"]) for mail in mails[:3]} == {"<thread-t-1@example.com>"}
    for mail in mails[3:]:
        assert str(mail["References"]).split() == [
            "<thread-t-1@example.com>", "<first@example.com>", "<thread-t-1-1@example.com>",
        ]  # fmt: skip
        assert str(mail["In-Reply-To"]) == "<thread-t-1-1@example.com>"


def test_a_conversation_that_is_critical_from_its_start_stays_one() -> None:
    """The resolution of a critical incident opens no conversation."""
    over = own_group(reason=Reason.RESOLVED, state=State.RESOLVED, resolved_at=AT, severity=Severity.CRITICAL)
    assert {
        one.conversation.number
        for one in conversations(RAISED, own_group(), RAISED, over)
        if one.conversation
    } == {0}
    assert {one.conversation.number for one in conversations(own_group(), over) if one.conversation} == {0}


@pytest.mark.parametrize(
    ("told", "subject"),
    [
        (several(40), "[billing/production] error: TimeoutError: upstream timed out after 30s ... and 39 more (shop)"),
        (message(labels={}), "[billing/production] error: TimeoutError: upstream timed out after 30s (shop)"),
        (
            replace(
                message(project="default", told=(
                    Told(incident=incident(labels={"service": "a"}), reason=Reason.OPENED),
                    Told(incident=incident(labels={"service": "b"}, severity=Severity.CRITICAL, title="worse"),
                         reason=Reason.OPENED),
                )), labels={}, told=(
                    Told(incident=incident(labels={"service": "b"}, severity=Severity.CRITICAL, title="worse"),
                         reason=Reason.OPENED),
                    Told(incident=incident(labels={"service": "a"}), reason=Reason.OPENED),
                )),
            "[production] critical: worse ... and 1 more",
        ),
        (
            message(reason=Reason.DIGEST, note="9 events, 2 causes, 1 service; biggest: a (5), b (4)"),
            "[notifier] error digest: 9 events, 2 causes, 1 service; biggest: a (5)",
        ),
        (
            message(
                reason=Reason.DIGEST, note="2 events, 2 causes, 1 service; biggest: a (1), b (1)",
                told=(
                    Told(incident=incident(state=State.RESOLVED, severity=Severity.CRITICAL), reason=Reason.RESOLVED),
                    Told(incident=incident(), reason=Reason.OPENED),
                ),
            ),
            "[notifier] error digest: 2 events, 2 causes, 1 service; biggest: a (1)",
        ),
        (
            message(
                reason=Reason.DIGEST, note="1 event, 1 cause, 1 service; biggest: a (1)",
                told=(Told(incident=incident(state=State.RESOLVED), reason=Reason.RESOLVED),),
            ),
            "[notifier] resolved digest: 1 event, 1 cause, 1 service; biggest: a (1)",
        ),
        (
            message(
                reason=Reason.SYSTEM,
                told=(Told(incident=incident(title="the disk is full"), reason=Reason.SYSTEM),),
            ),
            "[notifier] About notifier itself: the disk is full",
        ),
    ],
    ids=range(7),
)  # fmt: skip
def test_a_subject_names_what_where_and_how_bad(told: Message, subject: str) -> None:
    """The subject has the most severe incident and the number of others; a digest's has the digest's title."""
    assert str(mail_of(told)["Subject"]) == subject


@pytest.mark.parametrize(
    ("told", "importance"),
    [(own_group(), "normal"), (RAISED, "high"), (own_group(severity=Severity.INFO), "low"),
     (own_group(severity=Severity.CRITICAL, reason=Reason.RESOLVED, state=State.RESOLVED, resolved_at=AT), "normal")],
    ids=range(4),
)  # fmt: skip
def test_headers_say_for_filters_what_the_text_says_for_people(told: Message, importance: str) -> None:
    """Each property has a header of its own, so that filters need not parse the subject."""
    mail = mail_of(told)
    assert mail["Importance"] == importance
    assert mail["List-Id"] == "<production.billing.notifier.example.com>"
    assert {name: str(mail[f"X-Notifier-{name}"]) for name in ("Service", "Environment", "Incident", "Project")} == {
        "Service": "billing", "Environment": "production", "Incident": "142", "Project": "default",
    }  # fmt: skip
    assert mail["X-Notifier-Severity"] == told.told[0].incident.severity.value
    assert mail["X-Notifier-Reason"] == told.reason.value


def test_times_go_by_the_channels_zone() -> None:
    """Times are in the channel's zone, in text and HTML."""
    options = RenderOptions(zone=ZoneInfo("Europe/Berlin"))
    where: dict[str, Any] = {"sender": SENDER, "recipient": "ann@example.com", "thread": Thread(id="t-1")}
    raw = email.payload(message(), **where, options=options)
    mail: Any = message_from_bytes(raw, policy=policy.default)
    for kind in ("plain", "html"):
        assert "2026-11-22 05:00 CET" in mail.get_body((kind,)).get_content()


@pytest.mark.parametrize("zone", ["", "Nowhere/City", "../etc/passwd", "Europe/Berlin\x00", "+02:00"])
def test_a_zone_that_nobody_knows_is_refused(zone: str) -> None:
    """An unknown zone is refused with an example."""
    options = {"smtp": {"host": "localhost"}, "from": "a@b.c", "to": "d@e.f", "time_zone": zone}
    with pytest.raises(ValidationError):
        email.EmailSettings.model_validate(options)


def test_acknowledge_is_the_filled_button_and_nothing_leads_to_an_incident_that_does_not_exist() -> None:
    """Acknowledge is the primary button, and nothing links to an incident that does not exist."""
    html = mail_of(replace(message(), actions=links_of("0192f0c1"))).get_body(("html",)).get_content()
    filled = re.findall(r'<a href="([^"]*)"[^>]*background:[^>]*>([^<]*)</a>', html)
    assert filled == [("https://notifier.example.com/actions/acknowledge-0192f0c1", "Acknowledge")]
    itself = (Told(incident=incident(number=0), reason=Reason.TEST),)
    assert "incidents/142" not in mail_of(message(reason=Reason.TEST, told=itself)).as_string()


def test_the_references_stay_over_an_episode() -> None:
    """All mails of a thread refer to one root, whatever was delivered before."""
    mails = [
        mail_of(own_group(reason=reason), thread)
        for reason, thread in (
            (Reason.OPENED, Thread(id="t-1")),
            (Reason.RESOLVED, Thread(id="t-1", ref="<0192f0d0aaaa@example.com>")),
        )
    ]
    assert {str(mail["References"]) for mail in mails} == {"<thread-t-1@example.com>"}
    assert {str(mail["In-Reply-To"]) for mail in mails} == {"<thread-t-1@example.com>"}


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (own_group(), "New: "),
        (
            own_group(reason=Reason.ACKNOWLEDGED, state=State.ACKNOWLEDGED, actor="ann"),
            "Acknowledged by ann after 1 min: ",
        ),
        (
            own_group(reason=Reason.RESOLVED, state=State.RESOLVED, resolved_at=AT + 12 * MINUTE, actor="bo"),
            "Resolved by bo after 12 min: ",
        ),
        (
            own_group(reason=Reason.RESOLVED, state=State.RESOLVED, resolved_at=AT + 90 * SECOND),
            "Resolved after 1 min: ",
        ),
        (own_group(reason=Reason.RESOLVED, state=State.RESOLVED, resolved_at=AT), "Resolved: "),
        (
            own_group(reason=Reason.ACKNOWLEDGED, state=State.RESOLVED, resolved_at=AT + MINUTE, actor="ann"),
            "Acknowledged by ann after 1 min, resolved after 1 min: ",
        ),
        (own_group(reason=Reason.REOPENED, actor="cy"), "Reopened by cy: "),
        (own_group(reason=Reason.REOPENED), "Back again: "),
        (own_group(reason=Reason.ESCALATED), "Escalated after 1 min: "),
        (own_group(reason=Reason.UNMUTED), "No longer muted: "),
        (own_group(state=State.ACKNOWLEDGED, acknowledged_by="ann"), "New, acknowledged by ann: "),
        (own_group(state=State.RESOLVED, resolved_at=AT + MINUTE), "New, resolved after 1 min: "),
    ],
    ids=str,
)  # fmt: skip
def test_the_first_line_is_the_state(told: Message, line: str) -> None:
    """The first line says who did what after how long, in text and HTML."""
    severity = told.told[0].incident.severity.value
    title = "TimeoutError: upstream timed out after 30s"
    assert first_lines(told) == (f"{line}{title} · {severity} in billing/production",) * 2


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ((2, 1, 0), "Open: 3 incidents, 1 acknowledged"),
        ((1, 0, 1), "Open: 1 incident, 1 resolved"),
        ((1_200, 1, 2), "Open: 1,201 incidents, 1 acknowledged, 2 resolved"),
        ((0, 2, 0), "Acknowledged: 2 incidents"),
        ((0, 1, 3), "Acknowledged: 1 incident, 3 resolved"),
        ((0, 0, 3), "Resolved: all 3 incidents"),
    ],
)
def test_the_second_line_is_how_the_whole_episode_stands(counts: tuple[int, int, int], line: str) -> None:
    """The first line is about this message's incidents, the second about the whole episode."""
    open_, acknowledged, resolved = counts
    episode = EpisodeSummary(open=open_, acknowledged=acknowledged, resolved=resolved, events=9, incidents=())
    told = replace(several(2), standing=episode)
    figures = "8,624 events, 2 causes; biggest: TimeoutError in charge (4,312)"
    first = f"error · billing/production, 2 new: {figures}"
    assert first_lines(told) == (first, first)
    text = mail_of(told).get_body(("plain",)).get_content()
    assert text.splitlines()[1] == line
    one = mail_of(message(standing=episode)).get_body(("plain",)).get_content()
    assert one.splitlines()[:2] == [
        "New: TimeoutError: upstream timed out after 30s · error in billing/production",
        line,
    ]


def test_an_episode_of_one_has_no_standing_of_its_own() -> None:
    """An episode of one incident has no second line."""
    episode = EpisodeSummary(open=1, acknowledged=0, resolved=0, events=9, incidents=())
    assert "Open:" not in mail_of(message(standing=episode)).get_body(("plain",)).get_content()


@pytest.mark.parametrize("reason", Reason)
def test_a_note_stands_below_the_state_unless_it_is_the_news(reason: Reason) -> None:
    """A silence's end is the second line, a failed channel the first."""
    note = "The silence of ann has ended: maintenance"
    first = {Reason.FALLBACK, Reason.SYSTEM, Reason.TEST}
    for line in first_lines(message(reason=reason, told=several(1).told, note=note)):
        assert (line == note) == (reason in first)
        assert (reason is Reason.DIGEST) == (line == f"Digest: {note}")


def links_of(id_: str) -> tuple[ActionLink, ...]:
    return tuple(
        ActionLink(incident_id=id_, action=action, url=f"https://notifier.example.com/actions/{action}-{id_}")
        for action in ("acknowledge", "snooze", "resolve")
    )


def test_every_incident_has_its_own_links() -> None:
    """Every incident has its links, in text and HTML, and the mail says in whose name they act."""
    mail = mail_of(replace(several(2), actions=(*links_of("i-1"), *links_of("i-9"))))
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    block = text.split("\n\n")[4].splitlines()
    assert block[-4:] == [
        "Acknowledge: https://notifier.example.com/actions/acknowledge-i-1",
        "Snooze 4 h: https://notifier.example.com/actions/snooze-i-1",
        "Resolve: https://notifier.example.com/actions/resolve-i-1",
        "Open incident 1: https://notifier.example.com/incidents/142",
    ]
    assert 'href="https://notifier.example.com/actions/snooze-i-1"' in html
    assert text.count("/actions/") == html.count("/actions/") == 3
    assert "act once in your name" in text
    assert "act once in your name" in html


def test_without_links_nothing_speaks_of_them() -> None:
    """Without `server.url` a mail has no links and does not mention them."""
    mail = mail_of(message())
    assert "your name" not in mail.as_string()
    assert "Acknowledge" not in mail.as_string()


async def test_one_refused_recipient_is_gone_and_the_other_is_told() -> None:
    """A 550 5.1.1 ends one target; the mail to the next is sent."""
    with SmtpServer() as server:
        server.refuse["ann@example.com"] = "550 5.1.1 no such user ann"
        sender = channel(server)
        error, receipt = await failed(sender), await told(sender, "bob@example.com")
    assert error.outcome is Outcome.GONE
    assert "5.1.1" in error.detail
    assert "ann" not in error.detail
    assert isinstance(receipt, Receipt)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("421 4.3.2 closing", Outcome.THROTTLED),
        ("451 4.7.1 slow down", Outcome.THROTTLED),
        ("432 4.7.12 later", Outcome.TRANSIENT),
        ("550 5.7.1 spam", Outcome.PERMANENT),
        ("554 no", Outcome.PERMANENT),
    ],
)
async def test_refusals_follow_the_table(reply: str, outcome: Outcome) -> None:
    """The reply after the final dot decides the outcome; its text is not in the error."""
    with SmtpServer() as server:
        server.after_data = reply
        error = await failed(channel(server))
    assert error.outcome is outcome
    assert reply[:3] in error.detail
    assert reply.rsplit(maxsplit=1)[-1] not in error.detail


async def test_silence_after_the_dot_is_ambiguous() -> None:
    """No reply after the final dot is ambiguous: the mail may have been accepted."""
    with SmtpServer() as server:
        server.hang = 5.0
        session = SmtpSession(
            host="127.0.0.1", port=server.port, security="none", tls=_trust(), deadline=1_000
        )
        with pytest.raises(SendError) as caught:
            await session.deliver(b"Subject: x\r\n\r\nx\r\n", sender="a@b.c", recipient="d@e.f")
    assert caught.value.outcome is Outcome.AMBIGUOUS


async def test_a_server_that_is_down_is_transient() -> None:
    """A refused connection is transient."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        session = SmtpSession(host="127.0.0.1", port=free.getsockname()[1], security="none", tls=_trust())
        with pytest.raises(SendError) as caught:
            await session.deliver(b"x", sender="a@b.c", recipient="d@e.f")
    assert caught.value.outcome is Outcome.TRANSIENT


async def test_silence_before_the_dot_is_transient() -> None:
    """A server that accepts the connection and sends no greeting is transient, at the deadline."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        session = SmtpSession(host="127.0.0.1", port=port, security="none", tls=_trust(), deadline=200)
        with pytest.raises(SendError, match="did not answer in time") as caught:
            await session.deliver(b"x", sender="a@b.c", recipient="d@e.f")
    assert caught.value.outcome is Outcome.TRANSIENT


async def test_a_server_that_never_says_goodbye_has_the_mail_all_the_same() -> None:
    """A failure after the 250 does not matter, and is awaited for a short time only."""

    class Clinging(SmtpServer):
        async def handle_QUIT(self, *_: Any) -> str:
            await asyncio.sleep(30)
            return "221 at last"

    with Clinging() as server:
        session = SmtpSession(
            host="127.0.0.1",
            port=server.port,
            security="none",
            tls=_trust(),
            deadline=20_000,
            quit_timeout=50,
        )
        async with asyncio.timeout(20):
            await session.deliver(b"Subject: x\r\n\r\nx\r\n", sender="a@b.c", recipient="d@e.f")
        assert len(server.mails) == 1


def test_a_session_ends_before_its_attempt_is_given_up() -> None:
    """The session's deadline is shorter than the attempt's, which would make an unsent mail ambiguous."""
    assert DEADLINE + QUIT < sends.DEADLINE
    assert http.DEADLINE < sends.DEADLINE


async def test_without_starttls_nothing_is_sent() -> None:
    """With `tls: starttls`, a server that does not offer it is blocked."""
    with SmtpServer() as server:
        error = await failed(channel_starttls(server))
    assert error.outcome is Outcome.BLOCKED
    assert not server.mails


async def test_starttls_and_login(tmp_path: Path) -> None:
    """A wrong password over STARTTLS pauses the whole channel."""
    serving, trusting = certificate(tmp_path)
    with SmtpServer(tls=serving, login=("notifier", "pa55word")) as server:
        good = await told(channel_starttls(server, trusting, username="notifier", password="pa55word"))
        bad = await failed(channel_starttls(server, trusting, username="notifier", password="wr0ng"))
        strange = await failed(channel_starttls(server, _trust(), username="notifier", password="pa55word"))
    assert isinstance(good, Receipt)
    assert (bad.outcome, bad.whole_channel) == (Outcome.PERMANENT, True)
    assert "wr0ng" not in str(bad)
    assert strange.outcome is Outcome.TRANSIENT
    assert len(server.mails) == 1


def test_a_refused_sender_is_the_whole_channels_problem() -> None:
    """A refused MAIL FROM pauses the whole channel."""
    error = refusal("sender", 550, "5.7.1 not yours")
    assert (error.outcome, error.whole_channel) == (Outcome.PERMANENT, True)


@pytest.mark.parametrize(
    "text",
    [
        "", "ann", "@example.com", "ann@", "a@b.c, d@e.f", '"a@b.c, d@e.f"', "a@b.c\r\nBcc: d@e.f", "a@b.c\n",
        "a@b.c d@e.f",
        "a@b.c;d@e.f", "<a@b.c", "Ann <a@b.c> <d@e.f>", "Ann\x00 <a@b.c>", "a@b..c", ".a@b.c", "a@-b.c", "ä@b.c",
        "a@b.c>", '"x\r\nBcc: d@e.f" <a@b.c>', "a@" + "b" * 300, "Ann, Bob <a@b.c>", "undisclosed: a@b.c;",
        "=?utf-8?q?x?=@b.c",
    ],
)  # fmt: skip
def test_what_is_not_exactly_one_address_is_refused(text: str) -> None:
    """An address is exactly one mailbox, without further recipients or headers."""
    with pytest.raises(ValueError, match="one address"):
        email.parse_address(text)


@pytest.mark.parametrize("host", ["smtp.example.com", "10.0.0.1", "127.0.0.1.example.com"])
def test_no_tls_is_for_loopback_only(host: str) -> None:
    """`tls: none` is refused for other hosts than loopback, and the default is STARTTLS."""
    with pytest.raises(ValidationError, match="loopback"):
        email.SmtpSettings.model_validate({"host": host, "tls": "none"})
    assert email.SmtpSettings.model_validate({"host": host}).security == "starttls"
    assert email.SmtpSettings.model_validate({"host": "localhost"}).security == "none"


def channel_starttls(server: SmtpServer, tls: Any = None, **smtp: Any) -> email.EmailChannel:
    options = {
        "smtp": {"host": "localhost", "port": server.port, "tls": "starttls", **smtp},
        "from": "notifier@example.com",
        "to": "ann@example.com",
    }
    return email.EmailChannel(email.EmailSettings.model_validate(options), tls=tls)


def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


def _luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _hue(colour: str) -> float:
    return colorsys.rgb_to_hls(*(int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)))[0] * 360


def test_severities_differ_in_colour_and_can_be_read() -> None:
    """Critical, error and warning have clearly different colours with sufficient contrast (WCAG 2.2: 4.5 to 1)."""
    told = tuple(
        Told(incident=incident(id=str(n), severity=severity), reason=Reason.OPENED)
        for n, severity in enumerate((Severity.CRITICAL, Severity.ERROR, Severity.WARNING, Severity.INFO))
    )
    html = mail_of(message(told=told)).get_body(("html",)).get_content()
    badges = re.findall(r"background:(#[0-9a-f]{6});color:(#[0-9a-f]{6});[^>]*>([a-z]+)</span>", html)
    assert [word for *_, word in badges] == ["critical", "error", "warning", "info"]
    for ground, ink, _ in badges:
        light, dark = sorted((_luminance(ground), _luminance(ink)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5
    hues = sorted(_hue(ground) for ground, *_ in badges)
    assert all((b - a) % 360 >= 20 for a, b in zip(hues, [*hues[1:], hues[0]], strict=True))
