"""The pages for people who have signed in: one ASGI application built from the table of pages."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from functools import partial
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from notifier.access.errors import NoRole
from notifier.access.keyring import Keyring
from notifier.access.sessions import Session, Sessions
from notifier.domain.errors import NotifierError
from notifier.domain.person import Roles
from notifier.runtime.running_service import RunningService
from notifier.web import notices
from notifier.web.assets import asset_at
from notifier.web.cookies import PROJECT, SESSION, cookie_of, set_cookie
from notifier.web.errors import PageError, SignedOut, heading_of, status_and_sentence
from notifier.web.forms import Form, parse_form, read_form
from notifier.web.help import help_path
from notifier.web.live import LiveStreams
from notifier.web.openid_sign_in import CALLBACK, OpenIdSignIn
from notifier.web.proxy_person import ProxyPeople
from notifier.web.rendering import HEADERS, compile_templates, page_response
from notifier.web.sign_in import SignIn
from notifier.web.visit import PageRow, Picture, Redirect, Visit, address, base_path, origin_of

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
_KEPT = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}


class Site:
    """The ASGI application for the paths for which `serves` is true."""

    def __init__(
        self, service: RunningService, keyring: Keyring, rows: Sequence[PageRow], live: LiveStreams
    ) -> None:
        self._service = service
        self._live = live
        self._keyring = keyring
        self._sessions = Sessions(service.database, keyring, self._roles_of)
        self._sign_in = SignIn(service, self._sessions, self.serves)
        self._proxy = ProxyPeople(service)
        self._openid = OpenIdSignIn(service, self._sessions, self._sign_in)
        by_path: dict[str, dict[str, PageRow]] = {}
        for row in rows:
            by_path.setdefault(row.path, {})[row.method] = row
        self._nav = [(row.path, row.nav) for row in rows if row.nav is not None]
        own = {
            "/sign-in": self._sign_in_page,
            "/sign-in/openid": self._to_provider,
            CALLBACK: self._from_provider,
            "/sign-out": self._leave,
            "/project": self._choose_project,
            "/welcome/{link}": self._welcome,
            "/live": self._stream,
            "/": self._root,
        }
        self._first_parts = {path.split("/")[1] for path in (*by_path, *own)} | {"static"}
        shown = {
            path: Route(path, partial(self._page, by_method), methods=_METHODS)
            for path, by_method in by_path.items()
        }
        self._opened = [route for path, route in shown.items() if "GET" in by_path[path]]
        routes = [
            *(Route(path, endpoint, methods=_METHODS) for path, endpoint in own.items()),
            Route("/static/{name}", self._static, methods=_METHODS),
            *shown.values(),
        ]
        self._router = Router(
            [*routes, Route("/{path:path}", self._not_found, methods=_METHODS)], redirect_slashes=False
        )

    def serves(self, path: str) -> bool:
        """Whether the path is below one of the pages, even if there is no such page."""
        return path.startswith("/") and path.split("/")[1] in self._first_parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        compile_templates()
        scope = {**scope, "state": {}}
        try:
            await self._router(scope, receive, send)
        except NotifierError as error:
            await self._failed(error, scope["state"].get("session"), scope)(scope, receive, send)

    async def _page(self, by_method: Mapping[str, PageRow], request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        row = by_method.get(method)
        if row is None:
            raise PageError(405, "This page does not know that method.", allow=", ".join(sorted(by_method)))
        session = await self._session(request)
        form = Form()
        if method == "POST":
            form = await self._submitted_form(request, session)
        elif session is None:
            return self._to_sign_in(request)
        assert session is not None
        request.state.session = session
        session.caller.require(row.scope)
        visit = Visit(
            service=self._service,
            session=session,
            origin=origin_of(self._service, str(request.base_url)),
            path=request.path_params,
            query=parse_form(request.scope["query_string"]),
            form=form,
        )
        answer = await row.handler(visit)
        if isinstance(answer, Redirect):
            return self._redirect(answer)
        if isinstance(answer, Picture):
            headers = {**HEADERS, "content-type": answer.media_type, "cache-control": "private, max-age=3600"}
            return Response(answer.content, 200, headers)
        values = {**self._frame(session, row.path, request.scope["path"]), "page": visit, "view": answer.view}
        values["notice"] = notices.notice_of(visit.query.get("notice"))
        return page_response(answer.template, answer.status, values)

    async def _submitted_form(self, request: Request, session: Session | None) -> Form:
        """The form of a signed-in person, after the checks against cross-site requests."""
        request.state.session = session
        _same_site(request)
        form = await read_form(request)
        if session is None:
            raise SignedOut
        if not hmac.compare_digest(session.form_token.encode(), form.get("form_token").encode()):
            raise PageError(
                403, "This form is of another session: open the page anew, and press the button there."
            )
        return form

    async def _session(self, request: Request, *, used: bool = True) -> Session | None:
        """The session of the cookie, else of the person that a trusted proxy names; None without either."""
        url = self._service.settings.server.url
        project = unquote(cookie_of(request, PROJECT, url=url))
        token = cookie_of(request, SESSION, url=url)
        own = await self._sessions.find(token, project=project, used=used)
        return own or self._proxy.session(request, project=project)

    async def _signed_in(self, request: Request, *, used: bool = True) -> bool:
        """Whether the session may read anything; a person who may not can sign in with another key."""
        try:
            return await self._session(request, used=used) is not None
        except NoRole:
            return False

    def _roles_of(self, issuer: str) -> Roles | None:
        oidc = self._service.settings.auth.oidc
        return oidc.roles if oidc is not None and oidc.issuer == issuer else None

    async def _sign_in_page(self, request: Request) -> Response:
        if request.method == "POST":
            _same_site(request)
            return await self._sign_in.sign_in(request, await read_form(request))
        if request.method not in {"GET", "HEAD"}:
            raise PageError(405, "This page is opened, and its form sent.", allow="GET, HEAD, POST")
        query = parse_form(request.scope["query_string"])
        if await self._signed_in(request):
            return self._sign_in.go_on(query.get("next"))
        return self._sign_in.form(request, next_=query.get("next") or "/")

    async def _leave(self, request: Request) -> Response:
        if request.method != "POST":
            raise PageError(405, "Signing out is a button.", allow="POST")
        await self._submitted_form(request, await self._session(request))
        return await self._sign_in.sign_out(request)

    async def _to_provider(self, request: Request) -> Response:
        _require_get(request)
        return await self._openid.redirect_to_provider(request)

    async def _from_provider(self, request: Request) -> Response:
        _require_get(request)
        return await self._openid.callback(request)

    async def _choose_project(self, request: Request) -> Response:
        """Redirect to the same page in another of the person's projects; an unknown project changes nothing."""
        if request.method != "POST":
            raise PageError(405, "Choosing a project is a button.", allow="POST")
        session = await self._session(request)
        form = await self._submitted_form(request, session)
        response = self._sign_in.go_on(form.get("next"))
        chosen = form.get("project")
        if session is not None and chosen in session.projects:
            url = self._service.settings.server.url
            set_cookie(request, response, PROJECT, quote(chosen, safe=""), url=url)
        return response

    async def _root(self, request: Request) -> Response:
        if not await self._signed_in(request):
            return self._redirect(Redirect(path="/sign-in", query={}))
        return self._redirect(Redirect(path="/incidents", query={}))

    async def _welcome(self, request: Request) -> Response:
        link = request.path_params["link"]
        if request.method == "POST":
            _same_site(request)
            return await self._sign_in.sign_in_by_link(request, await read_form(request), link)
        if request.method not in {"GET", "HEAD"}:
            raise PageError(405, "This page is opened, and its button pressed.", allow="GET, HEAD, POST")
        return await self._sign_in.welcome(request, link)

    async def _static(self, request: Request) -> Response:
        asset = asset_at(request.scope["path"])
        if asset is None or request.method not in {"GET", "HEAD"}:
            raise PageError(404, "There is no such file.")
        return Response(asset.content, 200, _KEPT, asset.media_type)

    async def _stream(self, request: Request) -> Response:
        """The event stream that notifies an open page of changes. `SignedOut` is raised without a session or a key."""
        if request.method != "GET" or "text/event-stream" not in request.headers.get("accept", ""):
            raise PageError(406, "This is for the script of the pages: a stream of events.")
        session = await self._session(request, used=False)
        if session is not None:
            return self._live.response(session.id, partial(self._signed_in, request, used=False))
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise SignedOut
        await self._may_read(secret)
        of_key = hashlib.sha256(secret.encode()).hexdigest()
        return self._live.response(of_key, partial(self._may_read, secret))

    async def _may_read(self, secret: str) -> bool:
        """Whether a key may read.

        `notifier doctor` opens a stream with a key, through the proxies before the service.
        """
        (await self._keyring.caller(secret)).require("read")
        return True

    def _to_sign_in(self, request: Request) -> Response:
        """Redirect to the sign-in page, whether or not the requested page exists."""
        return self._redirect(Redirect(path="/sign-in", query={"next": _requested_url(request.scope)}))

    def _redirect(self, to: Redirect) -> Response:
        query = dict(to.query)
        if to.notice is not None:
            query["notice"] = notices.encode(to.notice, to.counts)
        location = address(base_path(self._service), to.path, query)
        return RedirectResponse(location, 303, {"cache-control": "no-store"})

    async def _not_found(self, request: Request) -> Response:
        """A 404 page, or a redirect to the path without its trailing slash."""
        path: str = request.scope["path"]
        if path.endswith("/") and request.method in {"GET", "HEAD"}:
            # Exactly one leading slash: browsers read a path with two as a host name.
            return self._redirect(Redirect(path=f"/{path.strip('/')}", query=request.query_params))
        if await self._signed_in(request):
            request.state.session = await self._session(request)
        raise PageError(404, "There is no such page: look for its name in the bar.")

    def _failed(self, error: NotifierError, session: Session | None, scope: Scope) -> Response:
        known = status_and_sentence(error)
        if known is None:
            raise error
        status, sentence = known
        headers = {"retry-after": "2"} if status == 503 else {}
        if isinstance(error, PageError) and error.allow is not None:
            headers["allow"] = error.allow
        name, path = self._error_action(error, status, scope)
        values = {
            **self._frame(session, "", scope["path"]),
            "sentence": sentence,
            "heading": heading_of(status, error, asked=scope["method"] != "POST"),
            "way": {"name": name, "path": path},
        }
        return page_response("error", status, values, headers)

    def _error_action(self, error: NotifierError, status: int, scope: Scope) -> tuple[str, str]:
        """The label and target of an error page's button: the page whose form was sent, or the list it belongs to."""
        path = scope["path"]
        if scope["method"] == "POST":
            page = next(filter(self._is_page, (path, path.rpartition("/")[0])), None)
            if page is not None and isinstance(error, SignedOut):
                return "Sign in", address("", "/sign-in", {"next": quote(page)})
            if page is not None:
                return "Back to the page", quote(page)
        if status == 503:
            return "Try again", _requested_url(scope)
        section = f"/{path.split('/')[1]}"
        name = dict(self._nav).get(section)
        if name is None or section == "/incidents":
            return "To the incidents", "/incidents"
        return f"Back to {name}", section

    def _is_page(self, path: str) -> bool:
        return any(route.path_regex.match(path) for route in self._opened)

    def _frame(self, session: Session | None, path: str, at: str) -> dict[str, object]:
        """The values that the frame of every page needs.

        `here` is the navigation entry of the path, `at` the page's own address.
        """
        return {
            "base": base_path(self._service),
            "here": f"/{path.split('/')[1]}" if path else "",
            "help": help_path(path),
            "at": at,
            "nav": self._nav if session is not None else [],
            "session": session,
            "notice": None,
            "now": self._service.database.now(),
        }


def _requested_url(scope: Scope) -> str:
    """The path and query of the request."""
    query = scope["query_string"].decode("ascii", "replace")
    return quote(scope["path"]) + (f"?{query}" if query else "")


def _require_get(request: Request) -> None:
    if request.method != "GET":
        raise PageError(405, "This address is opened, and nothing is sent to it.", allow="GET")


def _same_site(request: Request) -> None:
    """Refuse a form from another site.

    Browsers send no `Sec-Fetch-Site` over plain http: there the form's token decides.
    """
    if request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        raise PageError(403, "This form stands on another site: nothing has been done.")
