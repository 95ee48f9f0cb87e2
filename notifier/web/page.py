"""A minimal page as a response, for addresses that contain a secret."""

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
    """A page with a small `kicker` above its `heading` and at most one `button`."""

    status: int = 200
    title: str
    kicker: str | None = None
    heading: str
    facts: tuple[tuple[str, str], ...] = ()
    text: tuple[str, ...] = ()
    button: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def response(page: HtmlPage, *, head: bool) -> Response:
    """The response; without a body for HEAD."""
    body = _template().render(page=page, style=_style()).encode()
    headers = {**_headers(), **page.headers, "content-length": str(len(body))}
    return Response(b"" if head else body, page.status, headers)


@cache
def _headers() -> Mapping[str, str]:
    """The headers that keep the address secret: no caching, no referrer, no indexing."""
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
