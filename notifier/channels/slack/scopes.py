"""The scopes of a bot token, which Slack lists in a response header, and what each is for.

https://docs.slack.dev/authentication/installing-with-oauth and the pages of the scopes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from notifier.domain.delivery import Outcome
from notifier.domain.errors import SendError

HEADER = "x-oauth-scopes"
POST, POST_ANYWHERE = "chat:write", "chat:write.public"

OPTIONAL: Mapping[str, str] = {
    "channels:read": "a public channel cannot be looked at",
    "groups:read": "a private channel cannot be looked at",
    POST_ANYWHERE: "the bot has to be invited to each channel",
}
"""Optional scopes, and what does not work without them."""
_SCOPE = re.compile(r"[a-z][a-z_.:-]{1,60}")


def granted(headers: Mapping[str, str]) -> frozenset[str] | None:
    """The scopes listed in a response. None if there is no list, as from Slack-compatible servers."""
    written = headers.get(HEADER)
    if written is None:
        return None
    return frozenset(scope for part in written.split(",") if _SCOPE.fullmatch(scope := part.strip()))


def sentence(scopes: frozenset[str]) -> str:
    """The granted scopes, and what missing ones are for. Raises `SendError` if the bot cannot post at all."""
    if POST not in scopes:
        raise SendError(
            Outcome.PERMANENT,
            f"the token lacks the scope {POST}, and so nothing can be posted, edited or replied to: add it to the app, "
            "install that again, and use its new token",
        )
    missing = [f"without {scope} {effect}" for scope, effect in OPTIONAL.items() if scope not in scopes]
    return "; ".join([f"its scopes are {', '.join(sorted(scopes))}", *missing])
