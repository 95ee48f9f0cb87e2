"""The cookies of the pages."""

from __future__ import annotations

import ipaddress

from starlette.requests import Request
from starlette.responses import Response

SESSION = "notifier_session"
BEFORE_SIGN_IN = "notifier_sign_in"
PROJECT = "notifier_project"
_KEPT_S = {SESSION: 30 * 24 * 3_600, BEFORE_SIGN_IN: 3_600, PROJECT: 365 * 24 * 3_600}


def cookie_of(request: Request, name: str, *, url: str | None) -> str:
    """The value of a cookie; empty if the browser sent none."""
    return request.cookies.get(_name(request, name, url=url), "")


def set_cookie(request: Request, response: Response, name: str, value: str, *, url: str | None) -> None:
    """Set an HttpOnly cookie with SameSite, so that neither scripts nor other sites' forms can use it."""
    response.set_cookie(
        _name(request, name, url=url),
        value,
        max_age=_KEPT_S[name],
        path="/",
        secure=_is_secure(request, url=url),
        httponly=True,
        samesite="lax",
    )


def drop_cookie(request: Request, response: Response, name: str, *, url: str | None) -> None:
    response.delete_cookie(
        _name(request, name, url=url),
        path="/",
        secure=_is_secure(request, url=url),
        httponly=True,
        samesite="lax",
    )


def _name(request: Request, name: str, *, url: str | None) -> str:
    return f"__Host-{name}" if _is_secure(request, url=url) else name


def _is_secure(request: Request, *, url: str | None) -> bool:
    """Whether the browser uses https: if server.url does, every request except those directly from loopback."""
    if url is None or not url.lower().startswith("https://"):
        return False
    client = "" if request.client is None else request.client.host
    return not (_is_loopback(client) and _is_loopback(request.url.hostname or ""))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
