"""`ca_file`: what is trusted instead of the system's authorities, and what `check` says of the file."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from notifier.channels.ca_file import MAX_FILE_BYTES, read_authorities
from notifier.channels.smtp_settings import SmtpSettings
from notifier.runtime import configuration
from tests.authority import Authority

NAMED = "ca.pem"


def problems(folder: Path, smtp: str = f"ca_file: {NAMED}") -> list[str]:
    """What `notifier check` says, the file's folder left out."""
    (folder / "notifier.yaml").write_text(
        f"channels:\n  mail:\n    type: email\n    smtp:\n      host: mx.example.com\n      {smtp}\n"
        "    from: n@example.com\n    to: ann@example.com\nroute: {channels: [mail]}\n"
    )
    errors, _ = configuration.check(str(folder / "notifier.yaml"), {})
    return [str(one).removeprefix(f"{folder}/") for one in errors]


def pem(folder: Path) -> str:
    return Authority(folder).file.read_text()


def der(folder: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem(folder))


def test_it_is_found_beside_the_configuration(tmp_path: Path) -> None:
    """A relative path starts at the configuration's folder, and the file is no secret's."""
    (tmp_path / NAMED).write_text(pem(tmp_path))
    assert problems(tmp_path) == []
    assert problems(tmp_path, f"ca_file: {tmp_path / NAMED}") == []


def test_a_bundle_may_hold_more_than_certificates(tmp_path: Path) -> None:
    """Several certificates, and comments in any language between them."""
    (tmp_path / "two").mkdir()
    text = f"# Zertifizierungsstelle für alle\n{pem(tmp_path)}\n# 二\n{pem(tmp_path / 'two')}\n"
    (tmp_path / NAMED).write_text(text)
    assert problems(tmp_path) == []
    assert len(read_authorities(NAMED, tmp_path).context().get_ca_certs()) == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "this file cannot be read (No such file or directory)"),
        (b"", "there is no certificate in this file"),
        (b"-----BEGIN CERTIFICATE-----\n", "there is no certificate in this file"),
        (b"-----BEGIN EC PRIVATE KEY-----\npa55word\n-----END EC PRIVATE KEY-----\n", "but a private key"),
        (b"-----BEGIN CERTIFICATE-----\npa55word\n-----END CERTIFICATE-----\n", "cannot be read: is the file damaged"),
        (b"\x30\x82\x01\x02", "is not PEM text: convert it with `openssl x509 -inform der"),
        (b"\xff" * 100, "there is no certificate in this file"),
        (b"x" * (MAX_FILE_BYTES + 1), "is larger than 4 MiB"),
    ],
)  # fmt: skip
def test_a_file_without_certificates_is_a_problem_at_its_place(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    """`check` says what is wrong with it, where it is named, and shows nothing of it."""
    if content is not None:
        (tmp_path / NAMED).write_bytes(content)
    [problem] = problems(tmp_path)
    assert problem.startswith("notifier.yaml:6:7: channels.mail.smtp.ca_file: ")
    assert words in problem
    assert "pa55word" not in problem


def test_a_certificate_in_der_is_a_problem(tmp_path: Path) -> None:
    """With the command that converts it."""
    (tmp_path / NAMED).write_bytes(der(tmp_path))
    [problem] = problems(tmp_path)
    assert "openssl x509 -inform der" in problem


def test_a_folder_is_a_problem(tmp_path: Path) -> None:
    """It cannot be read as a file."""
    (tmp_path / NAMED).mkdir()
    [problem] = problems(tmp_path)
    assert "this file cannot be read (Is a directory)" in problem


@pytest.mark.parametrize("written", ["5", "''", "{a: b}", "[a]", '"a\\0b"'])
def test_a_path_is_text(tmp_path: Path, written: str) -> None:
    """A number, a mapping or a list is none."""
    [problem] = problems(tmp_path, f"ca_file: {written}")
    assert "expected the path of a file with the authority's certificate" in problem


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("ca: x", "smtp: unknown key `ca`; expected one of ca_file"),
        ("password_flie: x", "smtp: unknown key `password_flie`; did you mean `password_file`?"),
        ("host_file: /etc/passwd", "smtp: unknown key `host_file`"),
        ("ca_file_file: x", "smtp: unknown key `ca_file_file`; did you mean `ca_file`?"),
        ("nothing_file: /nowhere", "smtp: unknown key `nothing_file`"),
    ],
)
def test_what_ends_in_file_and_is_no_secret_is_not_read(tmp_path: Path, key: str, words: str) -> None:
    """A key that the kind does not know is said to be that; no file is opened for it."""
    [problem] = problems(tmp_path, key)
    assert words in problem
    assert "secret file" not in problem


def test_a_secret_s_file_is_read_as_before(tmp_path: Path) -> None:
    """At every depth, for what the kind holds as a secret."""
    (tmp_path / "password").write_text("pa55word\n")
    (tmp_path / NAMED).write_text(pem(tmp_path))
    smtp = f"username: n\n      password_file: password\n      ca_file: {NAMED}"
    assert problems(tmp_path, smtp) == []
    _, configs = configuration.load(str(tmp_path / "notifier.yaml"), {})
    settings: Any = configs["mail"].settings
    assert settings.smtp.password.get_secret_value() == "pa55word"
    assert settings.smtp.ca_file.pem.strip() == pem_of(tmp_path)


def pem_of(folder: Path) -> str:
    return (folder / NAMED).read_text().strip()


def test_a_renewed_file_is_other_settings(tmp_path: Path) -> None:
    """What was learnt under the old one is forgotten at the next reload."""
    (tmp_path / NAMED).write_text(pem(tmp_path))
    problems(tmp_path)
    first = configuration.load(str(tmp_path / "notifier.yaml"), {})[1]["mail"].settings
    (tmp_path / NAMED).write_text(pem(tmp_path))
    second = configuration.load(str(tmp_path / "notifier.yaml"), {})[1]["mail"].settings
    assert first != second


def test_the_schema_has_it_as_a_path() -> None:
    """And not as a secret, nor as a secret's file."""
    schema = configuration.schema()["$defs"]["SmtpSettings"]["properties"]
    assert "string" in str(schema["ca_file"])
    assert "writeOnly" not in str(schema["ca_file"])
    assert {"hello", "ca_file"} <= set(schema)
    assert "ca" not in schema
    assert "ca_file_file" not in schema


def test_without_it_the_system_is_trusted() -> None:
    """With it, nobody else."""
    assert SmtpSettings.model_validate({"host": "mx.example.com"}).ca_file is None
