"""The scopes of a bot's token, which Slack names in a header of its answers, and what each is for.

https://docs.slack.dev/authentication/installing-with-oauth and the pages of the scopes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from notifier.domain.delivery import Outcome
from notifier.domain.errors import SendError

HEADER = "x-oauth-scopes"
POST, POST_ANYWHERE = "chat:write", "chat:write.public"

WITHOUT: Mapping[str, str] = {
    "channels:read": "a public channel cannot be looked at",
    "groups:read": "a private channel cannot be looked at",
    POST_ANYWHERE: "the bot has to be invited to each channel",
}
"""Those that it does without, and what does not work then."""
_SCOPE = re.compile(r"[a-z][a-z_.:-]{1,60}")


def granted(headers: Mapping[str, str]) -> frozenset[str] | None:
    """The scopes that an answer names; None: it names none, as what is no Slack does."""
    written = headers.get(HEADER)
    if written is None:
        return None
    return frozenset(scope for part in written.split(",") if _SCOPE.fullmatch(scope := part.strip()))


def sentence(scopes: frozenset[str]) -> str:
    """The scopes that it has, and what those that are missing are for; `SendError` where it cannot post at all."""
    if POST not in scopes:
        raise SendError(
            Outcome.PERMANENT,
            f"the token lacks the scope {POST}, and so nothing can be posted, edited or replied to: add it to the app, "
            "install that again, and use its new token",
        )
    missing = [f"without {scope} {effect}" for scope, effect in WITHOUT.items() if scope not in scopes]
    return "; ".join([f"its scopes are {', '.join(sorted(scopes))}", *missing])
