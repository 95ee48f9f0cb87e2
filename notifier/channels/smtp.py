"""One mail to one recipient over SMTP, and what the server's answers mean (DESIGN 5, Outcomes)."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from typing import Literal

import aiosmtplib

from notifier.domain.delivery import Outcome
from notifier.domain.errors import SendError
from notifier.domain.time import SECOND, Duration

# Together below the 30 s of an attempt, so that what this session knows (was it handed over?) decides the outcome.
DEADLINE: Duration = 25 * SECOND
QUIT: Duration = 2 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Where and how to hand mail in. `password` is sent over TLS or to loopback only."""

    host: str
    port: int
    security: Literal["starttls", "implicit", "none"]
    tls: ssl.SSLContext
    username: str | None = None
    password: str | None = None
    deadline: Duration = DEADLINE
    goodbye: Duration = QUIT

    async def deliver(self, mail: bytes, *, sender: str, recipient: str) -> None:
        """Return once the server has taken the mail; else `SendError`. What fails after its 250 does not matter."""
        stage = _Stage()
        client = aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            use_tls=self.security == "implicit",
            start_tls=False,
            tls_context=self.tls if self.security != "none" else None,
            timeout=self.deadline / SECOND,
            local_hostname="localhost",
        )
        try:
            async with asyncio.timeout(self.deadline / SECOND):
                await self._hand_in(client, stage, mail, sender, recipient)
            await self._goodbye(client)
        except aiosmtplib.SMTPResponseException as error:
            raise answered(stage.at, error.code, error.message) from None
        except (OSError, EOFError, TimeoutError, aiosmtplib.SMTPException) as error:
            raise broken(stage.at, error) from None
        finally:
            client.close()

    async def _hand_in(
        self, client: aiosmtplib.SMTP, stage: _Stage, mail: bytes, sender: str, recipient: str
    ) -> None:
        await client.connect()
        await client.ehlo()
        if self.security == "starttls":
            if not client.supports_extension("starttls"):
                raise SendError(
                    Outcome.BLOCKED, "the mail server does not offer STARTTLS: nothing was sent in the clear"
                )
            await client.starttls(tls_context=self.tls)
        if self.username is not None and self.password is not None:
            stage.at = "login"
            await client.login(self.username, self.password)
        stage.at = "sender"
        await client.mail(sender)
        stage.at = "recipient"
        await client.rcpt(recipient)
        stage.at = "data"
        await client.data(mail)

    async def _goodbye(self, client: aiosmtplib.SMTP) -> None:
        with contextlib.suppress(OSError, EOFError, TimeoutError, aiosmtplib.SMTPException):
            await client.quit(timeout=self.goodbye / SECOND)


At = Literal["connection", "login", "sender", "recipient", "data"]


@dataclass(slots=True)
class _Stage:
    at: At = "connection"


def answered(at: At, code: int, text: str) -> SendError:
    """The error for a refusal. Of the server's words only the codes are shown: they may repeat what was sent."""
    enhanced = text[:6].split(" ", 1)[0] if text[:1] in {"4", "5"} and text[1:2] == "." else ""
    said = f"{code} {enhanced}" if enhanced.replace(".", "").isdecimal() and enhanced.isascii() else str(code)
    whole = at in {"login", "sender"} and code >= 500
    return SendError(
        _outcome(at, code, enhanced), f"the mail server refused the {at}: {said}", whole_channel=whole
    )


def _outcome(at: At, code: int, enhanced: str) -> Outcome:
    if code == 421 or 450 <= code <= 459:
        return Outcome.THROTTLED
    if code < 500:
        return Outcome.TRANSIENT
    return Outcome.GONE if at == "recipient" and enhanced == "5.1.1" else Outcome.PERMANENT


def broken(at: At, error: BaseException) -> SendError:
    """The error for a connection that failed or fell silent: after the final dot nobody knows whether it was taken."""
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
        return SendError(
            Outcome.TRANSIENT, "no secure connection: the mail server's certificate or TLS was refused"
        )
    if at == "login" and not isinstance(error, OSError | EOFError | TimeoutError):
        return SendError(
            Outcome.PERMANENT, "the mail server offers no login that notifier knows", whole_channel=True
        )
    late = isinstance(error, TimeoutError)
    what = "did not answer in time" if late else "closed or refused the connection"
    outcome = Outcome.AMBIGUOUS if at == "data" else Outcome.TRANSIENT
    return SendError(outcome, f"the mail server {what} (at: {at})")
