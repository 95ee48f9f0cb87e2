"""Mail to a real postfix with strict rules for greetings; needs postfix and root."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from notifier.channels.smtp import SmtpSession
from notifier.domain.delivery import Outcome
from notifier.domain.errors import SendError
from tests.sockets import wait_for_port

POSTFIX = shutil.which("postfix", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(POSTFIX is None, reason="postfix is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="postfix starts as root alone"),
]

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_peername_lookup = no
mydestination = example.com
local_recipient_maps =
local_transport = discard
mynetworks = 192.0.2.1
smtpd_helo_required = yes
smtpd_delay_reject = yes
smtpd_helo_restrictions = reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname
smtpd_relay_restrictions = reject_unauth_destination
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{strict} inet n - n - - smtpd -o smtpd_delay_reject=no
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
discard unix - - n - - discard
error unix - - n - - error
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True, slots=True)
class Postfix:
    """`port` refuses a greeting at the recipient, `strict` at once."""

    port: int
    strict: int


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    assert POSTFIX is not None
    # Postfix's own user must be able to enter the folder, unlike pytest's.
    with tempfile.TemporaryDirectory(prefix="notifier-postfix-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for each in ("etc", "queue", "data"):
            (folder / each).mkdir(mode=0o755)
        shutil.chown(folder / "data", "postfix")
        ports = Postfix(*_free_ports(2))
        (folder / "etc" / "main.cf").write_text(MAIN.format(folder=folder))
        (folder / "etc" / "master.cf").write_text(MASTER.format(port=ports.port, strict=ports.strict))
        _control(folder, "start")
        try:
            wait_for_port(ports.port)
            yield ports
        finally:
            _control(folder, "stop")


def _control(folder: Path, what: str) -> None:
    command = [str(POSTFIX), "-c", str(folder / "etc"), what]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def _free_ports(count: int) -> list[int]:
    listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in listening]
    for one in listening:
        one.close()
    return ports


async def deliver(port: int, hello: str | None, recipient: str = "known@example.com") -> None:
    session = SmtpSession(
        host="127.0.0.1", port=port, security="none", tls=ssl.create_default_context(), hello=hello
    )
    mail = b"From: n@example.org\r\nTo: known@example.com\r\nSubject: x\r\n\r\nx\r\n"
    await session.deliver(mail, sender="n@example.org", recipient=recipient)


@pytest.mark.parametrize("hello", [None, "alerts.example.org", "[192.0.2.1]", "[IPv6:2001:db8::1]"])
async def test_a_full_name_and_an_address_in_brackets_are_taken(postfix: Postfix, hello: str | None) -> None:
    """Without a configured name, the address of this end is used."""
    await deliver(postfix.port, hello)
    await deliver(postfix.strict, hello)


@pytest.mark.parametrize("hello", ["localhost", "notifier"])
async def test_a_name_that_it_refuses_is_told_as_such(postfix: Postfix, hello: str) -> None:
    """A refused greeting is named as the cause, at once or at the recipient."""
    for port in (postfix.port, postfix.strict):
        with pytest.raises(
            SendError, match=r"the name that notifier greets it with \(EHLO\): 504 5.5.2"
        ) as caught:
            await deliver(port, hello)
        assert caught.value.outcome is Outcome.PERMANENT
        assert caught.value.whole_channel


async def test_what_it_does_not_relay_is_told_as_such(postfix: Postfix) -> None:
    """A refused relay is not blamed on the recipient."""
    with pytest.raises(SendError, match=r"relaying.*wants a login") as caught:
        await deliver(postfix.port, "alerts.example.org", recipient="ann@example.net")
    assert not caught.value.whole_channel
