"""Amazon SNS: the envelope of a message, and its signature.

A certificate is fetched only from Amazon's host of the topic's region. The URL that confirms a subscription is built
from the topic; the one in the message is never requested.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

from notifier.domain.time import DAY, HOUR, SECOND, Duration, Instant, parse_rfc3339
from notifier.ingest import sanitise
from notifier.ingest.batch import Malformed
from notifier.ingest.formats.reading import MissingExtra
from notifier.settings.formats import TOPIC

SnsType = Literal["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"]
TYPES: Final[tuple[SnsType, ...]] = get_args(SnsType)
MAX_AGE: Final[Duration] = DAY
"""The time that message ids are remembered; an older message could be a replay."""
_AHEAD: Final[Duration] = HOUR
_REQUIRED: Final = ("MessageId", "TopicArn", "Message", "Timestamp", "Signature", "SigningCertURL")
_SIGNED: Final[Mapping[SnsType, tuple[str, ...]]] = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    **dict.fromkeys(
        ("SubscriptionConfirmation", "UnsubscribeConfirmation"),
        ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    ),
}
_CERTIFICATE: Final = re.compile(r"/SimpleNotificationService-[A-Za-z0-9]{1,100}\.pem")
_TOKEN: Final = re.compile(r"[A-Za-z0-9]{1,2048}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SnsMessage:
    """A message in its envelope. `fields` are its strings as received, over which the signature is computed."""

    type: SnsType
    topic: str
    fields: Mapping[str, str]

    @property
    def id(self) -> str:
        return self.fields["MessageId"]

    @property
    def host(self) -> str:
        """Amazon's host in the topic's region."""
        _, partition, _, region, *_ = self.topic.split(":")
        return f"sns.{region}.amazonaws.com{'.cn' if partition == 'aws-cn' else ''}"

    @property
    def certificate(self) -> str | None:
        """The URL of the certificate. None if it is not one of Amazon's for this region."""
        address = self.fields["SigningCertURL"]
        path = address.removeprefix(f"https://{self.host}")
        return address if path != address and _CERTIFICATE.fullmatch(path) else None

    @property
    def token(self) -> str | None:
        """The token that confirms a subscription."""
        token = self.fields.get("Token", "")
        return token if _TOKEN.fullmatch(token) else None


def parse(body: bytes) -> SnsMessage:
    """The message in a body. Raises `Malformed` if it lacks what a verification needs."""
    try:
        tree = sanitise.read(body)
    except sanitise.UnreadableJson as error:
        raise Malformed(f"the body cannot be read: {error}") from None
    fields = tree if isinstance(tree, dict) else {}
    texts = {name: value for name, value in fields.items() if isinstance(value, str)}
    type_: Any = texts.get("Type")
    if type_ not in TYPES or not all(texts.get(name) for name in _REQUIRED):
        raise Malformed("the body is no signed message of SNS: switch raw message delivery off")
    if not TOPIC.fullmatch(texts["TopicArn"]):
        raise Malformed("TopicArn: is no topic's ARN")
    if texts.get("SignatureVersion") != "2":
        raise Malformed("SignatureVersion: set the topic's attribute SignatureVersion to 2 (SHA256)")
    return SnsMessage(type=type_, topic=texts["TopicArn"], fields=texts)


def is_fresh(message: SnsMessage, now: Instant) -> bool:
    """Whether the message was made within a day. An older one may be a replay."""
    try:
        at = parse_rfc3339(message.fields["Timestamp"])
    except ValueError:
        return False
    return now - MAX_AGE <= at <= now + _AHEAD


def is_signed(message: SnsMessage, pem: bytes, now: Instant) -> bool:
    """Whether the certificate's key signed the message. Raises `MissingExtra` without cryptography."""
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
        from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415
    except ModuleNotFoundError:
        raise MissingExtra("aws") from None
    try:
        certificate = load_pem_x509_certificate(pem)
        key = certificate.public_key()
        signature = base64.b64decode(message.fields["Signature"], validate=True)
    except (ValueError, binascii.Error):
        return False
    at = datetime.fromtimestamp(now / SECOND, UTC)
    if (
        not isinstance(key, RSAPublicKey)
        or not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc
    ):
        return False
    try:
        key.verify(signature, signed_text(message), PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def signed_text(message: SnsMessage) -> bytes:
    """The text that is signed: names and values of the type's fields, one per line."""
    present = ((name, message.fields[name]) for name in _SIGNED[message.type] if name in message.fields)
    return "".join(f"{name}\n{value}\n" for name, value in present).encode("utf-8", "surrogatepass")


def document(message: SnsMessage) -> dict[str, Any]:
    """The message without its envelope, decoded if it is JSON."""
    text = message.fields["Message"]
    try:
        content = sanitise.read(text.encode("utf-8", "surrogatepass")) if text[:1] in {"{", "["} else text
    except sanitise.UnreadableJson:
        content = text
    return {
        "topic": message.topic,
        "subject": message.fields.get("Subject"),
        "timestamp": message.fields["Timestamp"],
        "message": content,
    }
