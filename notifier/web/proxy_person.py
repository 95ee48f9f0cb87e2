"""People that a proxy in front names in headers (`auth.header`)."""

from __future__ import annotations

import hashlib
import hmac
import re

import structlog
from starlette.requests import Request

from notifier.access.caller import Caller
from notifier.access.sessions import Session
from notifier.domain.person import RecognisedPerson, grants
from notifier.runtime.running_service import RunningService
from notifier.settings.auth import ProxyHeaderSettings
from notifier.wording.text import plain

_SEPARATORS = re.compile(r"[,|]")
_NAME_CHARS = 100
_VALUE_CHARS = 256
_GROUPS_AT_MOST = 1_000

log = structlog.get_logger(__name__)


class ProxyPeople:
    """Sessions of such people. They are not stored, because each request names the person again.

    Without the proxy's secret the headers are ignored, and a warning is logged once.
    """

    def __init__(self, service: RunningService) -> None:
        self._service = service
        self._warned = False

    def session(self, request: Request, *, project: str) -> Session | None:
        """The session of the person that the proxy names, or None. `NoRole` is raised if the person has no role."""
        settings = self._service.settings.auth.header
        if settings is None or settings.name not in request.headers:
            return None
        subject = self._single_value(request, settings.name)
        if not self._is_proven(request, settings) or not subject.strip() or len(subject) > _VALUE_CHARS:
            self._warn_ignored(settings)
            return None
        person = RecognisedPerson(
            issuer=f"proxy:{settings.name}",
            subject=subject,
            name=plain(subject, _NAME_CHARS),
            groups=_groups(request, settings, subject),
        )
        caller = Caller.of_person(person, settings.roles, project=project)
        token = hmac.digest(settings.secret.encode(), f"form:{person.identity}".encode(), "sha256").hex()
        return Session(
            id=hashlib.sha256(person.identity.encode()).hexdigest(),
            caller=caller,
            form_token=token,
            projects=tuple(grants(person, settings.roles)),
            ends_here=False,
        )

    def _is_proven(self, request: Request, settings: ProxyHeaderSettings) -> bool:
        return hmac.compare_digest(
            self._single_value(request, settings.secret_name).encode(), settings.secret.encode()
        )

    def _single_value(self, request: Request, name: str) -> str:
        """The value of a header, or an empty one if the header occurs twice: only one of the two can be the proxy's."""
        values = request.headers.getlist(name)
        return _text(values[0]) if len(values) == 1 else ""

    def _warn_ignored(self, settings: ProxyHeaderSettings) -> None:
        if not self._warned:
            self._warned = True
            log.warning(
                "proxy_header_ignored",
                header=settings.name,
                reason=f"it is empty, stands there twice, or {settings.secret_name} does not hold the secret",
            )


def _groups(request: Request, settings: ProxyHeaderSettings, subject: str) -> frozenset[str]:
    if settings.groups_name is None:
        return frozenset({subject})
    values = request.headers.getlist(settings.groups_name)
    named = [part.strip() for value in values for part in _SEPARATORS.split(_text(value))]
    return frozenset(filter(None, named[:_GROUPS_AT_MOST]))


def _text(value: str) -> str:
    """The header's text: proxies send UTF-8, which ASGI decodes as Latin-1."""
    return value.encode("latin-1").decode("utf-8", "replace")
