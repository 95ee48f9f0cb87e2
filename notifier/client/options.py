"""What a notifier is told by its arguments, else by the environment."""

from __future__ import annotations

import logging
import os
import re
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME_CHARS = 256
SEVERITIES = ("critical", "error", "warning", "info", "none")
"""The gravest first; what is of `none` is kept, and told to nobody."""

log = logging.getLogger("notifier.client")

BeforeSend = Callable[[dict[str, Any]], dict[str, Any] | None]
Ignored = type[BaseException] | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`url` or `key` None: nothing is sent. `ignore` are exception classes, or their names as `module.Name` or `Name`.

    `sample_rate` is the share of failures that is reported, 0 to 1. `in_app` are packages whose frames are the
    application's own.
    """

    service: str
    url: str | None
    key: str | None
    environment: str
    release: str | None
    host: str
    before_send: BeforeSend | None
    ignore: tuple[Ignored, ...]
    sample_rate: float
    in_app: tuple[str, ...]


def read(environ: Mapping[str, str], **given: Any) -> Options:
    """Arguments first, then `NOTIFIER_*`, then defaults. `ValueError` where an argument cannot be meant."""
    rate, in_app = given.pop("sample_rate"), given.pop("in_app", ())
    if not 0 <= rate <= 1:
        raise ValueError("sample_rate is the share of failures to report: a number from 0 to 1")
    return Options(
        service=(given["service"] or environ.get("NOTIFIER_SERVICE") or _program())[:NAME_CHARS],
        url=_address(given["url"] or environ.get("NOTIFIER_URL")),
        key=_checked(
            given["key"] or environ.get("NOTIFIER_KEY") or _from_file(environ.get("NOTIFIER_KEY_FILE"))
        ),
        environment=(given["environment"] or environ.get("NOTIFIER_ENVIRONMENT") or "production")[
            :NAME_CHARS
        ],
        release=(given["release"] or environ.get("NOTIFIER_RELEASE") or "")[:NAME_CHARS] or None,
        host=(given["host"] or socket.gethostname())[:NAME_CHARS],
        before_send=given["before_send"],
        ignore=tuple(given["ignore"]),
        sample_rate=rate,
        in_app=(in_app,) if isinstance(in_app, str) else tuple(in_app),
    )


def under_pytest() -> bool:
    """Whether this process is a test run: then nothing is sent unless it is asked for."""
    return "_pytest.runner" in sys.modules and not os.environ.get("NOTIFIER_SEND_IN_TESTS")


def _program() -> str:
    return Path(sys.argv[0]).stem or "python" if sys.argv else "python"


def _address(url: str | None) -> str | None:
    """A wrong address must not keep an application from starting: one warning, and nothing is sent."""
    if not url:
        return None
    scheme, _, rest = url.strip().partition("://")
    if scheme not in {"http", "https"} or not rest.strip("/"):
        log.warning(
            "NOTIFIER_URL is no http or https address, so nothing is reported: set it to the service's"
        )
        return None
    return url.strip().rstrip("/")


def _checked(key: str | None) -> str | None:
    key = (key or "").strip()
    if key and not re.fullmatch(r"[!-~]+", key):
        log.warning(
            "NOTIFIER_KEY holds a space or a character that no key has, so nothing is reported: copy it anew"
        )
        return None
    return key or None


def _from_file(name: str | None) -> str | None:
    if not name:
        return None
    try:
        return Path(name).read_text(encoding="ascii")[:4096]
    except (OSError, ValueError) as error:
        log.warning("the file that NOTIFIER_KEY_FILE names cannot be read, so nothing is reported: %s", error)
        return None
