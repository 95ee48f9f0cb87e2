"""A browser without scripts: it opens pages, keeps cookies and submits forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode

import httpx

_VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "rect", "wbr"}


@dataclass(slots=True)
class SeenForm:
    """A form of a page: its target, and the fields it sends by default."""

    method: str
    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[str] = field(default_factory=list)


class SeenPage(HTMLParser):
    """The forms, tags and visible text of a page."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.answer = answer
        self.forms: list[SeenForm] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self._select: str | None = None
        self.feed(answer.text)
        self.unclosed = self._open

    @property
    def status(self) -> int:
        return self.answer.status_code

    def form(self, ending: str) -> SeenForm:
        """The first form whose action ends with `ending`."""
        return next(form for form in self.forms if form.method == "post" and form.action.endswith(ending))

    def hrefs(self) -> list[str]:
        return [attributes.get("href") or "" for tag, attributes in self.tags if tag == "a"]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "form":
            self.forms.append(SeenForm(attributes.get("method") or "get", attributes.get("action") or ""))
        elif self.forms and "form" in self._open:
            self._field(tag, attributes)

    def _field(self, tag: str, attributes: dict[str, str | None]) -> None:
        form, name = self.forms[-1], attributes.get("name")
        if tag == "input" and name and (attributes.get("type") != "checkbox" or "checked" in attributes):
            form.fields.append((name, attributes.get("value") or ""))
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            if all(name != self._select for name, _ in form.fields):
                form.fields.append((self._select, attributes.get("value") or ""))
        elif tag == "textarea" and name:
            form.fields.append((name, ""))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "button" and "form" in self._open:
            self.forms[-1].buttons.append(data.strip())
        if not self._open or self._open[-1] not in {"script", "style", "title"}:
            self.text += data


class Browser:
    """A person who uses the pages over an HTTP connection."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def opens(self, path: str, **parts: object) -> SeenPage:
        return SeenPage(await self.http.get(path, follow_redirects=True, **parts))  # type: ignore[arg-type]

    async def signs_in(self, key: str, *, path: str = "/sign-in") -> SeenPage:
        return await self.sends((await self.opens(path)).form("/sign-in"), key=key)

    async def sends(self, form: SeenForm, **written: str | list[str]) -> SeenPage:
        """Submit a form with these values, and return the page that follows."""
        return SeenPage(await self.posts(form, written, follow_redirects=True))

    async def posts(
        self,
        form: SeenForm,
        written: Mapping[str, str | list[str]] | None = None,
        *,
        follow_redirects: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The response to a form, without following redirects by default."""
        fields = [(name, value) for name, value in form.fields if name not in (written or {})]
        for name, given in (written or {}).items():
            fields += [(name, value) for value in ([given] if isinstance(given, str) else given)]
        kind = {"content-type": "application/x-www-form-urlencoded", **(headers or {})}
        return await self.http.post(
            form.action, content=urlencode(fields), headers=kind, follow_redirects=follow_redirects
        )
