"""Explains TLS failures. Pure."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from enum import Enum

Trouble = Enum(
    "Trouble",
    "EXPIRED NOT_YET WRONG_NAME UNKNOWN_AUTHORITY SELF_SIGNED REVOKED WEAK REFUSED NOT_TLS TOO_OLD NO_CIPHER "
    "UNKNOWN_NAME INTERNAL WANTS_CERTIFICATE HTTP2_ONLY BROKEN_OFF OTHER",
)

# OpenSSL's certificate verification codes (openssl/x509_vfy.h).
_VERIFIED = {
    2: Trouble.UNKNOWN_AUTHORITY,
    9: Trouble.NOT_YET,
    10: Trouble.EXPIRED,
    18: Trouble.SELF_SIGNED,
    19: Trouble.UNKNOWN_AUTHORITY,
    20: Trouble.UNKNOWN_AUTHORITY,
    21: Trouble.UNKNOWN_AUTHORITY,
    23: Trouble.REVOKED,
    62: Trouble.WRONG_NAME,
    64: Trouble.WRONG_NAME,
    66: Trouble.WEAK,
    67: Trouble.WEAK,
    68: Trouble.WEAK,
}
# OpenSSL's reason names. An alert is the peer's report about us.
_REASONS = {
    "WRONG_VERSION_NUMBER": Trouble.NOT_TLS,
    "HTTP_REQUEST": Trouble.NOT_TLS,
    "HTTPS_PROXY_REQUEST": Trouble.NOT_TLS,
    "UNKNOWN_PROTOCOL": Trouble.NOT_TLS,
    "RECORD_LAYER_FAILURE": Trouble.NOT_TLS,
    "PACKET_LENGTH_TOO_LONG": Trouble.NOT_TLS,
    "UNSUPPORTED_PROTOCOL": Trouble.TOO_OLD,
    "TLSV1_ALERT_PROTOCOL_VERSION": Trouble.TOO_OLD,
    "NO_PROTOCOLS_AVAILABLE": Trouble.TOO_OLD,
    "NO_SHARED_CIPHER": Trouble.NO_CIPHER,
    "NO_CIPHERS_AVAILABLE": Trouble.NO_CIPHER,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": Trouble.NO_CIPHER,
    "SSL/TLS_ALERT_HANDSHAKE_FAILURE": Trouble.NO_CIPHER,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": Trouble.NO_CIPHER,
    "DH_KEY_TOO_SMALL": Trouble.WEAK,
    "EE_KEY_TOO_SMALL": Trouble.WEAK,
    "CA_MD_TOO_WEAK": Trouble.WEAK,
    "TLSV1_UNRECOGNIZED_NAME": Trouble.UNKNOWN_NAME,
    "TLSV1_ALERT_UNRECOGNIZED_NAME": Trouble.UNKNOWN_NAME,
    "TLSV1_ALERT_INTERNAL_ERROR": Trouble.INTERNAL,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": Trouble.WANTS_CERTIFICATE,
    "TLSV1_ALERT_NO_APPLICATION_PROTOCOL": Trouble.HTTP2_ONLY,
    "UNEXPECTED_EOF_WHILE_READING": Trouble.BROKEN_OFF,
}
_WORDS = {
    Trouble.EXPIRED: "{who}'s certificate has expired: it has to be renewed there",
    Trouble.NOT_YET: "{who}'s certificate is not valid yet: are the clocks right, here and there?",
    Trouble.WRONG_NAME: "{who}'s certificate is for another name than {host}: "
    "give the host by a name that it is for, or have it issued for this one",
    Trouble.UNKNOWN_AUTHORITY: "{who}'s certificate is from an authority (CA) that is not trusted here: {trust}; "
    "or it does not send the certificates in between",
    Trouble.SELF_SIGNED: "{who}'s certificate is self-signed, by no authority (CA) that is trusted here: {trust}",
    Trouble.REVOKED: "{who}'s certificate has been revoked: it has to be replaced there",
    Trouble.WEAK: "{who}'s certificate or key is too weak to be trusted: it has to be replaced there",
    Trouble.REFUSED: "{who}'s certificate does not hold (OpenSSL's code {code}): it has to be replaced there",
    Trouble.NOT_TLS: "{who} does not speak TLS on this port: is the port right?",
    Trouble.TOO_OLD: "{who} speaks only versions of TLS older than 1.2: it has to be updated",
    Trouble.NO_CIPHER: "{who} and notifier have no cipher in common, or it wants a certificate of its clients: "
    "its TLS settings have to be changed",
    Trouble.UNKNOWN_NAME: "{who} does not answer to the name {host}: is the host right?",
    Trouble.INTERNAL: "{who} gave up the secure connection: has it a certificate for the name {host}?",
    Trouble.WANTS_CERTIFICATE: "{who} wants a certificate of its clients, and notifier has none to show",
    Trouble.HTTP2_ONLY: "{who} speaks HTTP/2 only, and notifier HTTP/1.1: have it offer that as well",
    Trouble.BROKEN_OFF: "{who} closed the connection while it was being secured: does it speak TLS on this port?",
    Trouble.OTHER: "no secure connection: {who}'s TLS did not agree with notifier's",
}


def trouble(error: BaseException) -> Trouble | None:
    """The cause of a TLS failure. None if the error is not one of TLS."""
    ssl_error = _ssl_error(error)
    if ssl_error is None:
        return None
    if isinstance(ssl_error, ssl.SSLCertVerificationError):
        return _VERIFIED.get(ssl_error.verify_code, Trouble.REFUSED)
    return _REASONS.get(_reason(ssl_error), Trouble.OTHER)


def words(error: BaseException, *, who: str, host: str, trust: str) -> str | None:
    """A sentence for the cause, or None. `who` is the peer, `trust` what to do about an unknown authority."""
    reason = trouble(error)
    if reason is None:
        return None
    code = getattr(_ssl_error(error), "verify_code", "")
    return _WORDS[reason].format(who=who, host=host, trust=trust, code=code)


def _reason(error: ssl.SSLError) -> str:
    """OpenSSL's name of the reason. Python knows that of few alerts; for others it is only in the text."""
    sentence = re.search(r"\] ([a-z0-9 /]+) \(_ssl", str(error))
    return error.reason or (sentence[1].upper().replace(" ", "_") if sentence else "")


def _ssl_error(error: BaseException) -> ssl.SSLError | None:
    return next((cause for cause in chain(error) if isinstance(cause, ssl.SSLError)), None)


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes. A library that raises `from None` leaves the context."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__
