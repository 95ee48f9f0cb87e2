"""The options of a notifier, from its arguments and the environment."""

from __future__ import annotations

import logging
import os
import re
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAME_CHARS = 256
SEVERITIES = ("critical", "error", "warning", "info", "none")
"""In descending order. Events of severity `none` are stored, and notify nobody."""

log = logging.getLogger("notifier.client")

BeforeSend = Callable[[dict[str, Any]], dict[str, Any] | None]
Ignored = type[BaseException] | str


NO_ADDRESS = "it is no http or https address: set it to the service's"
NO_KEY = "it holds a space or a character that no key has: copy it anew"
UNREADABLE = "the file that it names cannot be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Without `url` or `key` nothing is sent. `ignore` are exception classes, or names: `module.Name` or `Name`.

    `sample_rate` is the share of failures that is reported, 0 to 1. `in_app` are packages whose frames count as the
    application's own. `origins` gives the source of each value: `argument`, `default` or a variable's name.
    `problems` describes values that cannot be used.
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
    origins: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)


def read(environ: Mapping[str, str], **given: Any) -> Options:
    """Reads arguments first, then `NOTIFIER_*`, then defaults. Raises `ValueError` for an invalid argument."""
    rate, in_app = given.pop("sample_rate"), given.pop("in_app", ())
    if not 0 <= rate <= 1:
        raise ValueError("sample_rate is the share of failures to report: a number from 0 to 1")
    ignored = given["ignore"]
    ignored = (ignored,) if isinstance(ignored, str | type) else tuple(ignored or ())
    if not all(isinstance(kind, str) or is_error_class(kind) for kind in ignored):
        raise ValueError("ignore is exception classes, or their names")
    given_values = _GivenValues(environ, given)
    return Options(
        service=given_values.text("service") or _program()[:NAME_CHARS],
        url=given_values.address(),
        key=given_values.key(),
        environment=given_values.text("environment") or "production",
        release=given_values.text("release"),
        host=given_values.text("host", variable="") or socket.gethostname()[:NAME_CHARS],
        before_send=given["before_send"],
        ignore=ignored,
        sample_rate=rate,
        in_app=(in_app,) if isinstance(in_app, str) else tuple(in_app),
        origins=given_values.origins,
        problems=given_values.problems,
    )


def is_error_class(value: object) -> bool:
    """Whether the value is an exception class."""
    return isinstance(value, type) and issubclass(value, BaseException)


def under_pytest() -> bool:
    """Whether this process runs tests. Nothing is sent then unless requested."""
    return "_pytest.runner" in sys.modules and not os.environ.get("NOTIFIER_SEND_IN_TESTS")


def _program() -> str:
    return Path(sys.argv[0]).stem or "python" if sys.argv else "python"


class _GivenValues:
    """Values, their origins, and problems with them, which are logged once and never prevent a start."""

    def __init__(self, environ: Mapping[str, str], given: Mapping[str, Any]) -> None:
        self._environ, self._given = environ, given
        self.origins: dict[str, str] = {}
        self.problems: dict[str, str] = {}

    def text(self, name: str, *, variable: str | None = None) -> str | None:
        return (self._value(name, variable) or "")[:NAME_CHARS] or None

    def address(self) -> str | None:
        url = (self._value("url") or "").strip()
        scheme, _, address = url.partition("://")
        if url and (scheme not in {"http", "https"} or not address.strip("/")):
            return self._refuse("url", NO_ADDRESS)
        return url.rstrip("/") or None

    def key(self) -> str | None:
        value = self._value("key")
        name = self._environ.get("NOTIFIER_KEY_FILE")
        if not value and name:
            self.origins["key"] = "NOTIFIER_KEY_FILE"
            try:
                value = Path(name).read_text(encoding="utf-8-sig")[:4096]
            except (OSError, ValueError) as error:
                return self._refuse("key", f"{UNREADABLE}: {error}")
        key = (value or "").strip()
        return self._refuse("key", NO_KEY) if key and not re.fullmatch(r"[!-~]+", key) else key or None

    def _value(self, name: str, variable: str | None = None) -> str | None:
        variable = f"NOTIFIER_{name.upper()}" if variable is None else variable
        for value, origin in ((self._given[name], "argument"), (self._environ.get(variable), variable)):
            if value:
                self.origins[name] = origin
                return str(value)
        self.origins[name] = "default"
        return None

    def _refuse(self, name: str, problem: str) -> str | None:
        self.problems[name] = problem
        origin = self.origins[name]
        what = f"the argument `{name}`" if origin == "argument" else origin
        log.warning("%s is set, but %s. Nothing is reported.", what, problem)
        return None
