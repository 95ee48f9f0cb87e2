"""A page as a response: its markup, and the headers that keep it to itself."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from starlette.responses import Response

from notifier.web.rendering import HEADERS


@dataclass(frozen=True, slots=True, kw_only=True)
class HtmlPage:
    """`kicker` stands small above the `heading`; `button` is the one thing that can be done here."""

    status: int = 200
    title: str
    kicker: str | None = None
    heading: str
    facts: tuple[tuple[str, str], ...] = ()
    text: tuple[str, ...] = ()
    button: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def response(page: HtmlPage, *, head: bool) -> Response:
    """For HEAD the same without its body."""
    body = _template().render(page=page, style=_style()).encode()
    headers = {**_headers(), **page.headers, "content-length": str(len(body))}
    return Response(b"" if head else body, page.status, headers)


@cache
def _headers() -> Mapping[str, str]:
    """The address is a secret: no cache keeps it, no other site is told of it, no search engine lists it."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    )
    return {**HEADERS, "content-security-policy": policy}


@cache
def _style() -> str:
    return files("notifier.web").joinpath("templates/page.css").read_text("utf-8")


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("notifier.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")
