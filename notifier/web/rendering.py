"""Rendering of templates, and the headers of every page."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from threading import Timer

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import Response

from notifier.domain.direction import isolated
from notifier.domain.time import Instant, rfc3339
from notifier.web.assets import assets
from notifier.wording.text import plain, visible
from notifier.wording.times import duration, moment, with_age

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": CSP,
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex",
}
"""Headers of every page: no caching, no referrer, no indexing."""

COMPILED_AFTER_S = 1.0


def page_response(
    template: str, status: int, values: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> Response:
    """A rendered page. All text is escaped."""
    body = _environment().get_template(f"{template}.html.j2").render(values)
    return Response(body, status, {**HEADERS, **(headers or {})})


@cache
def compile_templates() -> None:
    """Compile the first page's templates now and all others in a thread soon after.

    Otherwise the first request for each page would block the event loop for a tenth of a second.
    """
    timer = Timer(COMPILED_AFTER_S, _compile)
    timer.daemon = True
    timer.start()


def _compile() -> None:
    for name in _environment().list_templates():
        if name.endswith(".j2"):
            _environment().get_template(name)


def _ago(at: Instant, now: Instant) -> str:
    """`12 min ago`; for a time in the future, the time itself."""
    beside_now = with_age(at, now, day_of=now)
    return beside_now.ago or beside_now.text


def _finalize(value: object) -> object:
    """The value with visible marks for the characters that override the direction of text."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _exact(value: str) -> Markup:
    """The value of a hidden field, unchanged."""
    return escape(value)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("notifier.web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"exact": _exact, "isolated": isolated}
    environment.globals |= {
        "duration": duration,
        "moment": moment,
        "ago": _ago,
        "plain": plain,
        "rfc3339": rfc3339,
    }
    environment.globals["assets"] = {name: asset.path for name, asset in assets().items()}
    return environment
