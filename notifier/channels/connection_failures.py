"""Explains failed HTTP exchanges whose cause is known and can be acted on. Pure."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import aiohttp
from aiohttp.http_exceptions import BadHttpMessage

from notifier.channels import tls
from notifier.channels.tls import TlsFailure
from notifier.domain.delivery import Outcome
from notifier.domain.errors import SendError

PEER = "the receiver"
TRUST = "add it to what this machine trusts (SSL_CERT_FILE names a file of authorities)"
NOT_HTTP = (
    "what came back is not HTTP/1.1: does the receiver speak HTTP/2 only, or is another service at this address? "
    "Give a URL that answers HTTP/1.1"
)
BROKEN_BODY = (
    "the receiver's answer began as HTTP/1.1 and its chunks cannot be read: it may have taken the message"
)
HTTP2_ONLY = "the receiver speaks HTTP/2 only, and notifier HTTP/1.1: have it offer that as well"

# Causes that only a change at one of the two ends removes.
_PERMANENT = frozenset({TlsFailure.HTTP2_ONLY, TlsFailure.WANTS_CERTIFICATE})
_NETWORK = {
    errno.ECONNREFUSED: "the receiver refused the connection: does it run, and is the URL's port right?",
    errno.ENETUNREACH: "the receiver's network cannot be reached from here: is the network up?",
    errno.EHOSTUNREACH: "the receiver's host cannot be reached from here: is it up, and is the network?",
}


def explained_failure(error: BaseException, host: str) -> SendError | None:
    """The error for a known cause, None for an unknown one.

    In all but one of these cases nothing was delivered: without a connection no request is read, and a peer that does
    not speak HTTP/1.1 has not understood it. The exception is a response whose body breaks, whose status is lost.
    """
    cause = _cause(error)
    trouble = tls.classify(cause)
    if trouble is not None and (trouble in _PERMANENT or isinstance(error, aiohttp.ClientConnectorError)):
        reason = tls.explain(cause, who=PEER, host=host, trust=TRUST) or ""
        return SendError(Outcome.PERMANENT if trouble in _PERMANENT else Outcome.TRANSIENT, reason)
    if isinstance(error, aiohttp.ClientResponseError):
        if _failed_in_body(error):
            return SendError(Outcome.AMBIGUOUS, BROKEN_BODY)
        return SendError(Outcome.PERMANENT, NOT_HTTP)
    if isinstance(error, aiohttp.ClientConnectorError):
        sentence = next((_NETWORK[number] for number in _numbers(error) if number in _NETWORK), None)
        return None if sentence is None else SendError(Outcome.TRANSIENT, sentence)
    return None


def _failed_in_body(error: BaseException) -> bool:
    """Whether the status line was received: the parser's message, the only sign of it, mentions chunks."""
    reasons = (each.message for each in tls.chain(error) if isinstance(each, BadHttpMessage))
    return any("chunk" in reason.partition(":")[0].lower() for reason in reasons)


def unreachable(error: OSError, host: str) -> SendError:
    """The error for a connection that could not be made."""
    reason = tls.explain(error, who=PEER, host=host, trust=TRUST) if tls.classify(error) is not None else None
    reason = reason or next((_NETWORK[number] for number in _numbers(error) if number in _NETWORK), None)
    return SendError(Outcome.TRANSIENT, reason or f"no connection could be made ({type(error).__name__})")


def _numbers(error: BaseException) -> Iterator[int | None]:
    return (each.errno for each in tls.chain(error) if isinstance(each, OSError))


def _cause(error: BaseException) -> BaseException:
    """The OS or TLS error below aiohttp's own, whose subclasses of TLS errors lack their details."""
    return next((each for each in tls.chain(error) if not isinstance(each, aiohttp.ClientError)), error)
