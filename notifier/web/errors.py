"""Errors of pages, and the status and sentence for each error."""

from __future__ import annotations

from notifier.access.errors import AccessError
from notifier.domain.errors import NotifierError, Overloaded, StoreError, StoreFull
from notifier.oncall.errors import Refused, Unknown, Unreadable


class PageError(NotifierError):
    """An error page with its own status, heading and sentence."""

    def __init__(
        self, status: int, sentence: str, *, heading: str | None = None, allow: str | None = None
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.heading = heading
        self.allow = allow


class SignedOut(PageError):
    """The session ended before the form was sent."""

    def __init__(self) -> None:
        super().__init__(
            403,
            "Nothing has been done: sign in again, and the page opens where the button is. What was written there is "
            "still in it, unless scripts are off.",
            heading="You are signed out",
        )


_STATUSES: tuple[tuple[type[NotifierError], int], ...] = (
    (AccessError, 403),
    (Unknown, 404),
    (Refused, 409),
    (Unreadable, 422),
)

_HEADINGS = {
    403: "This is not for you",
    404: "There is nothing here",
    409: "Somebody was faster",
    503: "Try again",
}


def status_and_sentence(error: NotifierError) -> tuple[int, str] | None:
    """The status and sentence of an error, or None for an internal error."""
    if isinstance(error, PageError):
        return error.status, str(error)
    if isinstance(error, StoreFull):
        return 503, "The database is full: free space, or raise database.max_size."
    if isinstance(error, StoreError | Overloaded):
        return 503, "The database does not answer just now: try again in a moment."
    known = (status for kind, status in _STATUSES if isinstance(error, kind))
    status = next(known, None)
    return None if status is None else (status, sentence_of(error))


def heading_of(status: int, error: NotifierError, *, asked: bool) -> str:
    """The heading above the sentence; `asked` is true if a page was requested, and false after a form."""
    if isinstance(error, PageError) and error.heading is not None:
        return error.heading
    return _HEADINGS.get(status, "This cannot be shown" if asked else "Nothing has been done")


_PAGE_TERMS = (
    (
        "to take it over, acknowledge it with `take_over`, or reopen it first",
        "to take it over, press Take over",
    ),
    ("narrow its matchers, or say `force: true`", "narrow what it matches"),
    ("weekly hours with `recur`", "weekly hours"),
    ("`ends_at` must be", "its end must be"),
    (
        "this is no cursor of this list: pass on `next_cursor` of the page before, unchanged",
        "there is no such page of this list: begin at its first",
    ),
    (
        "this cursor is of another `sort`: leave `sort` out, or begin anew",
        "this page is of the list in another order: begin at its first",
    ),
)
"""API terms in sentences, and their equivalents on pages."""


def sentence_of(error: NotifierError) -> str:
    """The error's message with a capital letter and a full stop."""
    text = str(error)
    for of_the_api, of_pages in _PAGE_TERMS:
        text = text.replace(of_the_api, of_pages)
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
