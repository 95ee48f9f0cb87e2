"""Explains TLS failures. Pure."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from enum import Enum

TlsFailure = Enum(
    "TlsFailure",
    "EXPIRED NOT_YET WRONG_NAME UNKNOWN_AUTHORITY SELF_SIGNED REVOKED WEAK REFUSED NOT_TLS TOO_OLD NO_CIPHER "
    "UNKNOWN_NAME INTERNAL WANTS_CERTIFICATE HTTP2_ONLY BROKEN_OFF OTHER",
)

# OpenSSL's certificate verification codes (openssl/x509_vfy.h).
_VERIFIED = {
    2: TlsFailure.UNKNOWN_AUTHORITY,
    9: TlsFailure.NOT_YET,
    10: TlsFailure.EXPIRED,
    18: TlsFailure.SELF_SIGNED,
    19: TlsFailure.UNKNOWN_AUTHORITY,
    20: TlsFailure.UNKNOWN_AUTHORITY,
    21: TlsFailure.UNKNOWN_AUTHORITY,
    23: TlsFailure.REVOKED,
    62: TlsFailure.WRONG_NAME,
    64: TlsFailure.WRONG_NAME,
    66: TlsFailure.WEAK,
    67: TlsFailure.WEAK,
    68: TlsFailure.WEAK,
}
# OpenSSL's reason names. An alert is the peer's report about us.
_REASONS = {
    "WRONG_VERSION_NUMBER": TlsFailure.NOT_TLS,
    "HTTP_REQUEST": TlsFailure.NOT_TLS,
    "HTTPS_PROXY_REQUEST": TlsFailure.NOT_TLS,
    "UNKNOWN_PROTOCOL": TlsFailure.NOT_TLS,
    "RECORD_LAYER_FAILURE": TlsFailure.NOT_TLS,
    "PACKET_LENGTH_TOO_LONG": TlsFailure.NOT_TLS,
    "UNSUPPORTED_PROTOCOL": TlsFailure.TOO_OLD,
    "TLSV1_ALERT_PROTOCOL_VERSION": TlsFailure.TOO_OLD,
    "NO_PROTOCOLS_AVAILABLE": TlsFailure.TOO_OLD,
    "NO_SHARED_CIPHER": TlsFailure.NO_CIPHER,
    "NO_CIPHERS_AVAILABLE": TlsFailure.NO_CIPHER,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": TlsFailure.NO_CIPHER,
    "SSL/TLS_ALERT_HANDSHAKE_FAILURE": TlsFailure.NO_CIPHER,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": TlsFailure.NO_CIPHER,
    "DH_KEY_TOO_SMALL": TlsFailure.WEAK,
    "EE_KEY_TOO_SMALL": TlsFailure.WEAK,
    "CA_MD_TOO_WEAK": TlsFailure.WEAK,
    "TLSV1_UNRECOGNIZED_NAME": TlsFailure.UNKNOWN_NAME,
    "TLSV1_ALERT_UNRECOGNIZED_NAME": TlsFailure.UNKNOWN_NAME,
    "TLSV1_ALERT_INTERNAL_ERROR": TlsFailure.INTERNAL,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": TlsFailure.WANTS_CERTIFICATE,
    "TLSV1_ALERT_NO_APPLICATION_PROTOCOL": TlsFailure.HTTP2_ONLY,
    "UNEXPECTED_EOF_WHILE_READING": TlsFailure.BROKEN_OFF,
}
_WORDS = {
    TlsFailure.EXPIRED: "{who}'s certificate has expired: it has to be renewed there",
    TlsFailure.NOT_YET: "{who}'s certificate is not valid yet: are the clocks right, here and there?",
    TlsFailure.WRONG_NAME: "{who}'s certificate is for another name than {host}: "
    "give the host by a name that it is for, or have it issued for this one",
    TlsFailure.UNKNOWN_AUTHORITY: "{who}'s certificate is from an authority (CA) that is not trusted here: {trust}; "
    "or it does not send the certificates in between",
    TlsFailure.SELF_SIGNED: "{who}'s certificate is self-signed, by no authority (CA) that is trusted here: {trust}",
    TlsFailure.REVOKED: "{who}'s certificate has been revoked: it has to be replaced there",
    TlsFailure.WEAK: "{who}'s certificate or key is too weak to be trusted: it has to be replaced there",
    TlsFailure.REFUSED: "{who}'s certificate does not hold (OpenSSL's code {code}): it has to be replaced there",
    TlsFailure.NOT_TLS: "{who} does not speak TLS on this port: is the port right?",
    TlsFailure.TOO_OLD: "{who} speaks only versions of TLS older than 1.2: it has to be updated",
    TlsFailure.NO_CIPHER: "{who} and notifier have no cipher in common, or it wants a certificate of its clients: "
    "its TLS settings have to be changed",
    TlsFailure.UNKNOWN_NAME: "{who} does not answer to the name {host}: is the host right?",
    TlsFailure.INTERNAL: "{who} gave up the secure connection: has it a certificate for the name {host}?",
    TlsFailure.WANTS_CERTIFICATE: "{who} wants a certificate of its clients, and notifier has none to show",
    TlsFailure.HTTP2_ONLY: "{who} speaks HTTP/2 only, and notifier HTTP/1.1: have it offer that as well",
    TlsFailure.BROKEN_OFF: "{who} closed the connection while it was being secured: does it speak TLS on this port?",
    TlsFailure.OTHER: "no secure connection: {who}'s TLS did not agree with notifier's",
}


def classify(error: BaseException) -> TlsFailure | None:
    """The cause of a TLS failure. None if the error is not one of TLS."""
    ssl_error = _ssl_error(error)
    if ssl_error is None:
        return None
    if isinstance(ssl_error, ssl.SSLCertVerificationError):
        return _VERIFIED.get(ssl_error.verify_code, TlsFailure.REFUSED)
    return _REASONS.get(_reason(ssl_error), TlsFailure.OTHER)


def explain(error: BaseException, *, who: str, host: str, trust: str) -> str | None:
    """A sentence for the cause, or None. `who` is the peer, `trust` what to do about an unknown authority."""
    reason = classify(error)
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
