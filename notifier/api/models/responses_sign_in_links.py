"""Links that sign in to the pages."""

from __future__ import annotations

from notifier.api.models.responses_base import Moment, ResponseModel


class SignInLink(ResponseModel):
    """A link that works once. `url` is null if server.url is not set; then append `path` to the service's address."""

    path: str
    url: str | None
    expires_at: Moment
