"""`ca_file`: authorities that are trusted instead of the system's."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, WithJsonSchema

from notifier.channels.base import FOLDER

MAX_FILE_BYTES = 4 * 1024 * 1024
_KIND = rb"(?:X509 |TRUSTED )?CERTIFICATE"
_BLOCK = re.compile(rb"-----BEGIN %s-----.*?-----END %s-----" % (_KIND, _KIND), re.DOTALL)
_PRIVATE = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_DER = b"\x30\x82"


class Authorities(BaseModel):
    """Certificates as PEM, read together with the configuration, so that a changed file counts as changed settings."""

    model_config = ConfigDict(frozen=True)

    pem: str

    def context(self) -> ssl.SSLContext:
        """A client context that trusts only these authorities.

        The same on all versions of Python: any certificate of the chain is enough, be it an authority's, an
        intermediate one or the server's, and private authorities may lack the extensions of public ones.
        """
        context = ssl.create_default_context(cadata=self.pem)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context


def read_authorities(path: object, folder: Path) -> Authorities:
    """The certificates in a file. Raises `ValueError` with a sentence if there are none."""
    if not isinstance(path, str) or not path.strip() or "\0" in path:
        raise ValueError("expected the path of a file with the authority's certificate, as PEM")
    pem = b"\n".join(_BLOCK.findall(_contents(folder / path))).decode("ascii", "replace")
    try:
        Authorities(pem=pem).context()
    except (ssl.SSLError, ValueError):
        raise ValueError(
            "a certificate in this file cannot be read: is the file damaged or cut off?"
        ) from None
    return Authorities(pem=pem)


def _contents(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ValueError(f"this file cannot be read ({error.strerror or 'no reason given'})") from None
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"this file is larger than {MAX_FILE_BYTES >> 20} MiB; is it the right one?")
    if not _BLOCK.search(data):
        raise ValueError(_nothing_in(data))
    return data


def _nothing_in(data: bytes) -> str:
    if data.startswith(_DER):
        return "this file is not PEM text: convert it with `openssl x509 -inform der -in FILE -out FILE.pem`"
    if _PRIVATE.search(data):
        return "there is no certificate in this file, but a private key: name the authority's certificate"
    return "there is no certificate in this file: name one with the authority's certificate, as PEM"


def _read(value: object, info: ValidationInfo) -> Authorities:
    if isinstance(value, Authorities):
        return value
    return read_authorities(value, (info.context or {}).get(FOLDER, Path()))


CaFile = Annotated[
    Authorities,
    BeforeValidator(_read),
    WithJsonSchema(
        {"type": "string", "description": "A PEM file of the authorities to trust instead of the system's."}
    ),
]
"""The type of a setting for the path of a PEM file, relative to the configuration's folder."""
