"""Mailbox addresses in the configuration and in a mail's headers."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.headerregistry import Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.channels import mime
from notifier.channels.mailbox import parse_address

UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def as_read(address: Address) -> list[tuple[str, str]]:
    """All recipients that Python's parser finds in a header."""
    head = mime.compose([("To", mime.mailbox("To", address))], text="x", html="x")
    mail: Any = message_from_bytes(head, policy=policy.default)
    assert {name for name, _ in mail.items()} == {"To", "MIME-Version", "Content-Type"}
    return [(one.display_name, one.addr_spec) for one in mail["To"].addresses]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('"Alerts, Billing" <a@b.example>', "Alerts, Billing"),
        ('"Alerts: Billing" <a@b.example>', "Alerts: Billing"),
        (r'"the \"night\" shift" <a@b.example>', 'the "night" shift'),
        (r'"back\\slash" <a@b.example>', r"back\slash"),
        (r'"\A\B" <a@b.example>', "AB"),
        ('"Störung; Abrechnung" <a@b.example>', "Störung; Abrechnung"),
        ('"a@b.c, d@e.f" <a@b.example>', "a@b.c, d@e.f"),
        ('"<x@y.z>" <a@b.example>', "<x@y.z>"),
        ('"undisclosed: x@y.z;" <a@b.example>', "undisclosed: x@y.z;"),
        ('"=?utf-8?q?x=0d=0aBcc:_x@y.z?=" <a@b.example>', "=?utf-8?q?x=0d=0aBcc:_x@y.z?="),
        ('"Ann Lee"<a@b.example>', "Ann Lee"),
        ('"" <a@b.example>', ""),
        ("Ann Lee <a@b.example>", "Ann Lee"),
        ("Lee (ops) <a@b.example>", "Lee (ops)"),
        ("Störung <a@b.example>", "Störung"),
        ("<a@b.example>", ""),
        ("a@b.example", ""),
    ],
)
def test_a_name_is_read_as_it_was_meant(text: str, name: str) -> None:
    """Commas, colons, quotes and backslashes in a quoted name survive a mail's header."""
    address = parse_address(text)
    assert (address.display_name, address.addr_spec) == (name, "a@b.example")
    assert as_read(address) == [(name, "a@b.example")]


@pytest.mark.parametrize(
    "text",
    ["Alerts, Billing <a@b.example>", "Alerts: Billing <a@b.example>", 'the "night" shift <a@b.example>',
     r"back\slash <a@b.example>", "Ann; Bob <a@b.example>", "ops@b.example <a@b.example>", '"Ann <a@b.example>',
     'Ann" <a@b.example>', '"Ann" Lee, Bob <a@b.example>'],
)  # fmt: skip
def test_a_name_without_its_quotes_is_told_how_to_write_it(text: str) -> None:
    """The error shows the correct form without repeating the input."""
    with pytest.raises(ValueError, match="one address whose name stands in double quotes") as caught:
        parse_address(text)
    assert "'\"Alerts, Billing\" <ann@example.com>'" in str(caught.value)
    assert "b.example" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ['"x\r\nBcc: d@e.f" <a@b.c>', '"x\\\r\nBcc: d@e.f" <a@b.c>', '"x\x00" <a@b.c>', '"x\\\x00" <a@b.c>',
     '"x\x85y" <a@b.c>', '"x\ud800" <a@b.c>', '"x\u2028" <a@b.c>', '"x" <a@b.c>, <d@e.f>', '"x" <a@b.c> <d@e.f>',
     '"x" <a@b.c, d@e.f>', '"x" a@b.c', '"x\\" <a@b.c>', '"a b"@c.d', "a@b.c, d@e.f", "Ann, Bob", '"x" <"a b"@c.d>',
     '"x" <>', "x <=?utf-8?q?x?=@b.c>", '"x"\t<a@b.c>'],
)  # fmt: skip
def test_hostile_names_stay_refused(text: str) -> None:
    """A name with a line break, a second recipient or invisible characters is refused."""
    with pytest.raises(ValueError, match="one address"):
        parse_address(text)


@given(st.text(max_size=80))
def test_any_name_comes_back_from_a_mail_s_head(name: str) -> None:
    """Every quoted visible name gives one recipient with that name."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    if UNSEEN.search(name):
        with pytest.raises(ValueError, match="one address"):
            parse_address(f'"{quoted}" <a@b.example>')
        return
    address = parse_address(f'"{quoted}" <a@b.example>')
    assert address.display_name == name.strip()
    [(read, spec)] = as_read(address)
    assert spec == "a@b.example"
    # Python's parser keeps the space between two encoded words (RFC 2047, 6.2).
    assert "".join(read.split()) == "".join(name.split())


@given(st.text())
def test_any_text_is_one_mailbox_or_refused(text: str) -> None:
    """Any text is one mailbox or refused."""
    try:
        address = parse_address(text)
    except ValueError:
        return
    assert len(as_read(address)) == 1
