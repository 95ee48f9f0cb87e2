"""Maps a mail server's replies, time-outs and TLS errors to an outcome with advice. Pure."""

from __future__ import annotations

import re
import socket
from typing import Literal

from notifier.channels import tls
from notifier.channels.tls import TlsFailure
from notifier.domain.delivery import Outcome
from notifier.domain.errors import SendError

At = Literal["connection", "greeting", "hello", "encryption", "login", "sender", "recipient", "data"]
Subject = Literal["tls first", "login first", "relay", "client", "hello", "sender", "recipient"]

PEER = "the mail server"
TRUST = "name its certificate in `smtp.ca_file`"

# A server may delay a refusal until the recipient is named (postfix does), so the text says what it is about.
_ABOUT: tuple[tuple[Subject, str], ...] = (
    ("tls first", r"must issue a starttls|starttls (is |command )?(first|required)|encryption required"),
    ("login first", r"authenti\w+ (is )?(required|needed|first)|not authenticated|must authenticate"),
    ("relay", r"relay(ing)? (access )?(denied|not|is not|prohibited)|(unable|cannot|not permitted) to relay"),
    ("hello", r"(?<![\w.-])(helo|ehlo)(?![\w-]|\.\w)"),
    ("client", r"client host|blocked using|block ?list|reverse (dns|hostname)|\bptr\b|your (ip|host) "),
    ("sender", r"sender (address )?(rejected|verif|not)|sending as|send as"),
)
# Enhanced codes (RFC 3463) without their class, and words of servers that give none. The first is no sender's.
_CASES: tuple[tuple[str, frozenset[str], re.Pattern[str]], ...] = (
    ("full", frozenset({"2.2"}), re.compile(r"mailbox (is )?full|over ?quota", re.IGNORECASE)),
    (
        "size",
        frozenset({"3.4", "2.3"}),
        re.compile(r"message (size|too (big|large))|size limit", re.IGNORECASE),
    ),
    ("greylisted", frozenset(), re.compile(r"gr[ae]y ?-?list", re.IGNORECASE)),
)
_UNKNOWN = frozenset({"1.2", "1.3", "1.6", "1.10", "2.1", "4.1"})
_OF_ONE_MAIL = frozenset({"size", "full", "greylisted", "unknown"})
_ADDRESS = re.compile(r"<[^<>]*>|\S*@\S*|\[[^\[\]]*\]")

REFUSED: dict[str, tuple[str, str]] = {
    "greeting": ("the connection", "does it allow this machine's address?"),
    "hello": (
        "the name that notifier greets it with (EHLO)",
        "set `smtp.hello` to this machine's full name, as its address resolves",
    ),
    "encryption": ("STARTTLS", "its log says why"),
    "tls first": ("mail that is not encrypted", "set `tls: starttls`"),
    "login first": ("mail without a login", "set `smtp.username` and `smtp.password`"),
    "login": ("the login", "check `smtp.username` and `smtp.password`; some want a password made for one program"),
    "relay": (
        "to pass mail on to this address (relaying)",
        "it wants a login, or to be told to trust this machine's address",
    ),
    "client": ("this machine's address", "its reverse name, or a block list that it is on, is why"),
    "sender": ("the sender", "may it send as the address in `from`, by this login?"),
    "recipient": ("the recipient", "its log says why"),
    "login later": ("the login for now", "it cannot check logins, or there were too many: it is tried again"),
    "size": ("a mail of this size", "raise the limit of the server, or of the mailbox"),
    "full": ("the recipient", "the mailbox is full: make room there, or name another address"),
    "greylisted": ("the mail for now (greylisting)", "it is sent again, and taken then"),
    "unknown": ("the recipient", "there is no such mailbox, or it takes no mail: correct the address, or remove it"),
    "gone": ("the recipient", "there is no such mailbox: correct the address, or remove it"),
    "data": ("the data", "its log says why"),
    "policy": ("the data", "its rules (size, SPF, DKIM, DMARC) are against it: its log says which"),
}  # fmt: skip


def refusal(at: At, code: int, text: str) -> SendError:
    """The error for a refusal. Only the reply's codes are shown, because its text may repeat what was sent."""
    if not 200 <= code <= 599:
        return not_smtp(at)
    enhanced = text[:6].split(" ", 1)[0] if text[:1] in {"4", "5"} and text[1:2] == "." else ""
    codes = (
        f"{code} {enhanced}" if enhanced.replace(".", "").isdecimal() and enhanced.isascii() else str(code)
    )
    about = _about(at, code, text)
    outcome = _outcome(about, code, enhanced)
    case = _case(about, outcome, code, enhanced, text)
    what, to_do = REFUSED[case]
    whole = (
        code >= 500
        and case not in _OF_ONE_MAIL
        and (at not in {"recipient", "data"} or code == 530 or about in {"hello", "tls first"})
    )
    return SendError(outcome, f"{PEER} refused {what}: {codes}; {to_do}", whole_channel=whole)


def _about(at: At, code: int, text: str) -> str:
    """The subject of a refusal: the current command, unless the text says otherwise."""
    words_of_reply = _ADDRESS.sub(" ", text)
    subject_of_text = next(
        (subject for subject, words in _ABOUT if re.search(words, words_of_reply, re.IGNORECASE)), None
    )
    if at in {"hello", "sender", "recipient"}:
        return subject_of_text or ("login first" if code == 530 else at)
    return subject_of_text if at in {"greeting", "data"} and subject_of_text in {"hello", "client"} else at


def _case(about: str, outcome: Outcome, code: int, enhanced: str, text: str) -> str:
    if outcome is Outcome.GONE:
        return "gone"
    if about == "login" and code < 500:
        return "login later"
    if about not in {"sender", "recipient", "data"}:
        return about
    return _case_of_mail(about, code, enhanced, text)


def _case_of_mail(about: str, code: int, enhanced: str, text: str) -> str:
    detail, said = enhanced.partition(".")[2], _ADDRESS.sub(" ", text)
    for case, codes, words in _CASES[about == "sender" :]:
        if detail in codes or words.search(said):
            return case
    if about == "sender":
        return "size" if code == 552 else about
    if about == "recipient":
        return "unknown" if detail in _UNKNOWN or code in {551, 553} else about
    return "policy" if enhanced.startswith("5.7.") else about


def _outcome(about: str, code: int, enhanced: str) -> Outcome:
    if code == 421 or 450 <= code <= 459:
        return Outcome.THROTTLED
    if code < 500:
        return Outcome.TRANSIENT
    return Outcome.GONE if about == "recipient" and enhanced == "5.1.1" else Outcome.PERMANENT


def not_smtp(at: At) -> SendError:
    """The error for a reply that is not SMTP. After the final dot the outcome is ambiguous."""
    outcome = Outcome.AMBIGUOUS if at == "data" else Outcome.TRANSIENT
    return SendError(
        outcome,
        f"{PEER} answered with something that is not SMTP (at: {at}): are host and port right? {_IMPLICIT}",
    )


_IMPLICIT = "Does it want implicit TLS (`tls: implicit`, usually on port 465)?"
_STARTTLS = "Does it want STARTTLS (`tls: starttls`, usually on port 587)?"


def connection_error(
    at: At, error: BaseException, *, host: str = "its host", implicit: bool = False
) -> SendError:
    """The error for a connection that failed or timed out. After the final dot the outcome is ambiguous."""
    insecure = _insecure(at, error, host, implicit=implicit)
    if insecure is not None:
        return insecure
    if at == "login" and not isinstance(error, OSError | EOFError | TimeoutError):
        return SendError(Outcome.PERMANENT, f"{PEER} offers no login that notifier knows", whole_channel=True)
    if at == "connection":
        return SendError(Outcome.TRANSIENT, _no_connection(error))
    late = isinstance(error, TimeoutError)
    what = "did not answer in time" if late else "closed the connection"
    outcome = Outcome.AMBIGUOUS if at == "data" else Outcome.TRANSIENT
    question = f": is the port right? {_STARTTLS if implicit else _IMPLICIT}" if at == "greeting" else ""
    return SendError(outcome, f"{PEER} {what} (at: {at}){question}")


def _insecure(at: At, error: BaseException, host: str, *, implicit: bool) -> SendError | None:
    sentence = tls.explain(error, who=PEER, host=host, trust=TRUST)
    if sentence is None or at not in {"greeting", "encryption"}:
        return None
    unspoken = tls.classify(error) in {TlsFailure.NOT_TLS, TlsFailure.BROKEN_OFF, TlsFailure.OTHER}
    question = f" {_STARTTLS}" if implicit and at == "greeting" and unspoken else ""
    return SendError(Outcome.TRANSIENT, sentence + question)


def _no_connection(error: BaseException) -> str:
    match error:
        case socket.gaierror() | UnicodeError():
            return f"{PEER}'s name could not be resolved: is `smtp.host` right?"
        case TimeoutError():
            return f"no connection to {PEER} in time: are host and port right, and is there a firewall?"
        case ConnectionRefusedError():
            return f"{PEER} refused the connection: does it run, and is `smtp.port` right?"
        case _:
            return f"no connection to {PEER}: are host and port right, and is the network up?"
