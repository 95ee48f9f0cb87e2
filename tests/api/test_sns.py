"""Amazon SNS: whose messages are taken, what is asked of Amazon, and what never is."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.api.doors.sns import SnsEnvelopes
from notifier.api.problems import HttpProblem
from notifier.channels.reply import Reply
from notifier.domain.delivery import Outcome
from notifier.domain.errors import SendError
from notifier.domain.time import DAY, HOUR, MINUTE, SECOND, parse_rfc3339
from notifier.ingest.batch import Malformed
from notifier.ingest.formats import declared, sns
from notifier.ingest.formats.trial import trial
from notifier.runtime.sns import SnsAuthority
from notifier.settings.formats import shipped

pytestmark = pytest.mark.anyio

NOW = parse_rfc3339("2026-11-27T12:00:00Z")
TOPIC = "arn:aws:sns:eu-central-1:123456789012:alarms"
HOST = "https://sns.eu-central-1.amazonaws.com"
CERTIFICATE = f"{HOST}/SimpleNotificationService-0123456789abcdef.pem"


@cache
def key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65_537, key_size=2_048)


@cache
def pem(start: int = -1, end: int = 30) -> bytes:
    """A certificate of the key, valid from and until so many days from now."""
    now = datetime.fromtimestamp(NOW / SECOND, UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key().public_key())
    builder = (
        builder.serial_number(1)
        .not_valid_before(now + timedelta(start))
        .not_valid_after(now + timedelta(end))
    )
    return builder.sign(key(), SHA256()).public_bytes(Encoding.PEM)


def envelope(**changes: Any) -> dict[str, Any]:
    """A message, signed after the changes; one of the signature itself stands."""
    sample: Any = shipped()["sns"].sample
    body = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Subject": sample["subject"],
        "Message": json.dumps(sample["message"]),
        "Timestamp": "2026-11-27T11:58:30.123Z",
        "SignatureVersion": "2",
        "Signature": "",
        "SigningCertURL": CERTIFICATE,
        "UnsubscribeURL": f"{HOST}/?Action=Unsubscribe",
        **changes,
    }
    if not body["Signature"]:
        texts = {name: value for name, value in body.items() if isinstance(value, str)}
        signed = sns.signed_text(sns.SnsMessage(type=texts["Type"], topic=TOPIC, fields=texts))  # type: ignore[arg-type]
        body["Signature"] = base64.b64encode(key().sign(signed, PKCS1v15(), SHA256())).decode()
    return body


def confirmation(**changes: Any) -> dict[str, Any]:
    return envelope(
        Type="SubscriptionConfirmation",
        Token="2336412f37",
        SubscribeURL="https://evil.example.com/",
        **changes,
    )


@dataclass
class Amazon:
    """What answers in Amazon's place, and keeps what it was asked."""

    certificate: Reply | None = field(default_factory=lambda: Reply(status=200, body=pem()))
    confirms: int = 200
    asked: list[str] = field(default_factory=list)

    async def get(self, address: str) -> Reply:
        self.asked.append(address)
        if self.certificate is None:
            raise SendError(Outcome.TRANSIENT, "nobody there")
        return self.certificate

    async def post(self, address: str, body: bytes) -> Reply:
        self.asked.append(f"{address}?{body.decode()}")
        return Reply(status=self.confirms)


@dataclass
class Desk:
    amazon: Amazon = field(default_factory=Amazon)
    now: int = NOW

    def __post_init__(self) -> None:
        self.envelopes = SnsEnvelopes(SnsAuthority(self.amazon, lambda: self.now), lambda: self.now)

    async def take(self, body: Any, *topics: str) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.envelopes.accepted(raw, topics or (TOPIC,), "sns")

    async def refused(self, body: Any, *topics: str) -> HttpProblem:
        with pytest.raises(HttpProblem) as caught:
            await self.take(body, *topics)
        return caught.value


async def test_an_alarm_is_taken_out_of_its_envelope() -> None:
    """And its end has the same identity; the certificate is asked for once."""
    desk = Desk()
    prints = []
    for state in ("ALARM", "OK"):
        said = {**shipped()["sns"].sample["message"], "NewStateValue": state}  # type: ignore[call-overload,index]
        message = await desk.take(envelope(Message=json.dumps(said)))
        [event] = declared.read_documents(
            shipped()["sns"], "sns", [sns.document(message)], {}, service="s"
        ).items
        assert isinstance(event, dict)
        prints.append((event["fingerprint"], event.get("status")))
    assert prints[0][0] == prints[1][0]
    assert [status for _, status in prints] == [None, "resolved"]
    assert desk.amazon.asked == [CERTIFICATE]


async def test_a_subscription_is_confirmed_at_amazons_own_address() -> None:
    """Built from the topic; the address in the message is never asked."""
    desk = Desk()
    assert await desk.take(confirmation()) is None
    assert desk.amazon.asked == [
        CERTIFICATE,
        f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC.replace(':', '%3A')}&Token=2336412f37",
    ]
    assert (
        await desk.take(envelope(Type="UnsubscribeConfirmation", Token="a", SubscribeURL="https://x/"))
        is None
    )
    assert len(desk.amazon.asked) == 2
    desk.amazon.confirms = 500
    assert (await desk.refused(confirmation())).status == 503


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example.com/SimpleNotificationService-0.pem",
        "http://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.eu-central-1.amazonaws.com.evil.com/SimpleNotificationService-0.pem",
        "https://sns.eu-central-1.amazonaws.com@evil.com/SimpleNotificationService-0.pem",
        "https://sns.eu-central-1.amazonaws.com:444/SimpleNotificationService-0.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.eu-central-1.amazonaws.com.cn/SimpleNotificationService-0.pem",
        f"{HOST}/other.pem",
        f"{HOST}/SimpleNotificationService-../x.pem",
        f"{HOST}/SimpleNotificationService-0.pem?x",
        f"{HOST}/a/SimpleNotificationService-0.pem",
        f"{HOST}/SimpleNotificationService-0.pem\n",
    ],
)
async def test_a_forged_address_of_a_certificate_is_asked_nothing(address: str) -> None:
    """Amazon's host of the topic's region, and its file, to the letter."""
    desk = Desk()
    assert (await desk.refused(envelope(SigningCertURL=address))).status == 401
    assert desk.amazon.asked == []


async def test_a_topic_that_is_not_allowed_is_asked_nothing() -> None:
    """Neither for its certificate, nor to be confirmed."""
    desk = Desk()
    other = f"{TOPIC}-2"
    assert (await desk.refused(confirmation(TopicArn=other))).status == 403
    assert (await desk.refused(envelope(), other)).status == 403
    assert desk.amazon.asked == []


@pytest.mark.parametrize(
    ("change", "now"),
    [
        (lambda body: {**body, "Message": "x"}, NOW),
        (lambda body: {**body, "Subject": "x"}, NOW),
        (lambda body: {**body, "Signature": "AAAA"}, NOW),
        (lambda body: {**body, "Signature": "%"}, NOW),
        (lambda body: {name: value for name, value in body.items() if name != "Subject"}, NOW),
        (lambda body: body, NOW + DAY + HOUR),
        (lambda body: body, NOW - 2 * HOUR),
        (lambda body: {**body, "Timestamp": "yesterday"}, NOW),
    ],
)
async def test_what_is_not_signed_as_it_stands_is_refused(change: Callable[[Any], Any], now: int) -> None:
    """Whatever was changed, and what is too old or from the future."""
    assert (await Desk(now=now).refused(change(envelope()))).status == 401


CERTIFICATES = {"over": pem(-10, -5), "to come": pem(5, 10), "empty": b"", "none": b"no certificate"}


@pytest.mark.parametrize("certificate", CERTIFICATES.values(), ids=CERTIFICATES)
async def test_another_certificate_is_not_taken(certificate: bytes) -> None:
    """One that has ended, has yet to begin, or is none."""
    desk = Desk(amazon=Amazon(certificate=Reply(status=200, body=certificate)))
    assert (await desk.refused(envelope())).status == 401


@pytest.mark.parametrize(
    "reply", [None, Reply(status=404, body=b""), Reply(status=200, body=pem(), whole=False)]
)
async def test_a_failure_is_remembered_for_a_minute(reply: Reply | None) -> None:
    """So that a sender cannot make us ask at will; and it is told to come again."""
    desk = Desk(amazon=Amazon(certificate=reply))
    for _ in range(3):
        problem = await desk.refused(envelope())
        assert (problem.status, "retry-after" in problem.headers) == (503, True)
    assert len(desk.amazon.asked) == 1
    desk.amazon.certificate = Reply(status=200, body=pem())
    desk.now += MINUTE + SECOND
    assert await desk.take(envelope()) is not None


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"\xff", {}, envelope(SignatureVersion="1"), envelope(TopicArn="arn:aws:sqs:x:1:y"),
        envelope(MessageId=5), envelope(Signature=["x"]), envelope(Type="Other", Signature="x"),
        shipped()["sns"].sample["message"],  # type: ignore[call-overload,index]
    ],
)  # fmt: skip
async def test_what_is_no_signed_message_is_refused(body: Any) -> None:
    """Raw delivery and the older signature too, with what to do."""
    assert (await Desk().refused(body)).status == 422


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(sorted(envelope())), st.text(max_size=30) | st.integers() | st.none(), max_size=4
    )
)
def test_any_envelope_is_read_or_refused(changes: dict[str, Any]) -> None:
    """Never with another error."""
    try:
        message = sns.parse(json.dumps({**envelope(), **changes}).encode())
    except Malformed:
        return
    sns.is_fresh(message, NOW)
    sns.is_signed(message, pem(), NOW)
    assert message.certificate is None or message.certificate.startswith(HOST)
    declared.read_documents(shipped()["sns"], "sns", [sns.document(message)], {}, service=None)


def test_a_sample_may_be_in_its_envelope() -> None:
    """As somebody has copied it."""
    assert (
        trial(shipped()["sns"], "sns", json.dumps(envelope()).encode()).events[0]["labels"]["topic"] == TOPIC
    )


def test_without_an_extra_it_is_named() -> None:
    """In an interpreter that has not got it."""
    program = """
import sys
sys.modules["cryptography"] = sys.modules["google"] = None
from notifier.ingest.formats.otlp.protobuf_body import read_protobuf
from notifier.ingest.formats.reading import MissingExtra
from notifier.ingest.formats.sns import is_signed
for call in (lambda: is_signed(None, b"", 0), lambda: read_protobuf(b"")):
    try:
        call()
    except MissingExtra as missing:
        print(missing)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["aws", "otlp"], done.stderr
