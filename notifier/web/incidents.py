"""`/incidents/{number}?id=`: how to look at what a message links to, with a key; to all others nothing of it."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from notifier.web.page import HtmlPage, response

INCIDENTS = "/incidents/"
# As many digits as the largest number has.
_NUMBER = re.compile(r"[0-9]{1,19}")
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")

READ_ONLY = HtmlPage(
    status=405,
    title="Unknown method",
    heading="This page is only read",
    headers={"allow": "GET, HEAD"},
)
NO_INCIDENT = HtmlPage(
    status=404,
    title="No incident",
    heading="An incident is named by its number",
    text=("As in /incidents/142. `notifier incidents list` shows them.",),
)


_NUMBER_ONLY = "This link names a number alone. If a backup was restored since, another incident may have it."


def page_of(number: str, id_: str | None) -> HtmlPage:
    """The same for every incident, whether or not there is such a one. The commands name the id, where it is known."""
    name = number if id_ is None else id_
    return HtmlPage(
        title=f"Incident {number}",
        kicker="With an API key, on the command line",
        heading=f"Incident {number}",
        facts=(
            ("what it is", f"notifier incidents show {name}"),
            ("why you were told, or not", f"notifier explain {name}"),
            ("to take it on", f"notifier incidents acknowledge {name}"),
            ("when it is over", f"notifier incidents resolve {name}"),
        ),
        text=(
            "Who has no key is shown nothing here. The links of a mail and the buttons in Slack need none.",
            *((_NUMBER_ONLY,) if id_ is None else ()),
        ),
    )


async def incident_page(scope: Scope, receive: Receive, send: Send) -> None:
    """An ASGI application. It reads nothing, so that a stranger learns not even which incidents there are."""
    request = Request(scope, receive)
    name, id_ = scope["path"].removeprefix(INCIDENTS), request.query_params.get("id")
    if request.method not in {"GET", "HEAD"}:
        page = READ_ONLY
    elif _NUMBER.fullmatch(name) and (id_ is None or _ID.fullmatch(id_)):
        page = page_of(name, id_)
    else:
        page = NO_INCIDENT
    await response(page, head=request.method == "HEAD")(scope, receive, send)
