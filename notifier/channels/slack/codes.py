"""Slack's error codes: their outcomes, and advice for people. Pure.

https://docs.slack.dev/reference/methods/chat.postMessage, chat.update, and the page on incoming webhooks.
"""

from __future__ import annotations

from collections.abc import Mapping

from notifier.domain.delivery import Outcome

WHOLE_CHANNEL = frozenset(
    {"access_denied", "account_inactive", "ekm_access_denied", "enterprise_is_restricted", "invalid_auth",
     "invalid_token", "missing_scope", "no_permission", "not_allowed_token_type", "not_authed",
     "team_access_not_granted", "token_expired", "token_revoked", "two_factor_setup_required"}
)  # fmt: skip
OUTCOMES: Mapping[str, Outcome] = {
    "ratelimited": Outcome.THROTTLED,
    "rate_limited": Outcome.THROTTLED,
    "message_limit_exceeded": Outcome.THROTTLED,
    "is_archived": Outcome.GONE,
    "channel_is_archived": Outcome.GONE,
    "no_service": Outcome.GONE,
    "no_active_hooks": Outcome.GONE,
    "internal_error": Outcome.TRANSIENT,
    "fatal_error": Outcome.TRANSIENT,
    "service_unavailable": Outcome.TRANSIENT,
    "request_timeout": Outcome.TRANSIENT,
    "team_added_to_org": Outcome.TRANSIENT,
    "org_login_required": Outcome.TRANSIENT,
    "rollup_error": Outcome.TRANSIENT,
    "accesslimited": Outcome.TRANSIENT,
    "external_channel_migrating": Outcome.TRANSIENT,
}

_TOKEN = "copy the Bot User OAuth Token (xoxb-...) from the app's OAuth & Permissions anew"  # noqa: S105
_ADMIN = "ask an administrator of the workspace"
_HOOK = "make a new incoming webhook, and put its URL into `webhook_url`"
_INVITE = "the app is not in the channel: write `/invite @notifier` there, with your app's own name"
_ARCHIVED = "the channel is archived: unarchive it, or name another in `channel`"
_FORBIDDEN = f"the workspace's settings forbid the app to post there: {_ADMIN}"
_SLACK = "Slack has trouble of its own: it is tried again"
_SLOWER = "Slack asks to slow down: it is tried again when Slack allows it"
_BLOCKS = "Slack did not take the message's form, nor its text alone: report it to notifier's developers"

_BLOCKS_REJECTED = frozenset(
    {
        "attachment_payload_limit_exceeded",
        "block_mismatch",
        "invalid_arguments",
        "invalid_attachments",
        "msg_too_long",
        "too_many_attachments",
    }
)
_WORDS: Mapping[str, str] = {
    "not_in_channel": _INVITE,
    "user_not_in_channel": _INVITE,
    "channel_not_found": "there is no such channel, or it is private and the app is not in it: check `channel`, "
    "and write `/invite @notifier` there, with your app's own name",
    "is_archived": _ARCHIVED,
    "channel_is_archived": _ARCHIVED,
    "invalid_auth": f"the token is not valid: {_TOKEN}",
    "invalid_token": f"the hook's URL is not valid: {_HOOK}",
    "not_authed": f"Slack saw no token: {_TOKEN}",
    "token_revoked": f"the token was revoked: install the app again, and {_TOKEN}",
    "token_expired": f"the token has expired: turn token rotation off, or {_TOKEN}",
    "account_inactive": f"the app was removed, or its workspace deleted: install it again, and {_TOKEN}",
    "not_allowed_token_type": f"the token is of another kind: {_TOKEN}",
    "no_permission": "the app may not do that: install it again with the scopes of its manifest",
    "access_denied": f"the app may not do that: {_ADMIN}",
    "ekm_access_denied": f"an administrator has suspended the app's access: {_ADMIN}",
    "enterprise_is_restricted": f"the organisation does not allow the app: {_ADMIN}",
    "team_access_not_granted": f"the organisation has not granted the app this workspace: {_ADMIN}",
    "two_factor_setup_required": "the workspace wants two-factor sign-in of who installed the app",
    "org_login_required": "the workspace is being moved into an organisation: it is tried again",
    "team_added_to_org": "the workspace is being moved into an organisation: it is tried again",
    "restricted_action": _FORBIDDEN,
    "restricted_action_read_only_channel": f"the channel is read-only: {_ADMIN}",
    "restricted_action_thread_only_channel": f"the channel takes replies alone: {_ADMIN}",
    "restricted_action_non_threadable_channel": f"the channel takes no replies: {_ADMIN}",
    "restricted_action_thread_locked": "the thread is locked: unlock it, or resolve the incident",
    "posting_to_general_channel_denied": _FORBIDDEN,
    "action_prohibited": _FORBIDDEN,
    "as_user_not_supported": "the token is of another kind: use a bot's (xoxb-...)",
    "cannot_reply_to_message": "this kind of message takes no replies",
    "messages_tab_disabled": "the app takes no direct messages: enable its Messages tab, or name a channel",
    "user_not_found": "there is no such person: check `channel`",
    "user_disabled": "that person's account is deactivated: name another in `channel`",
    "cannot_dm_bot": "a bot takes no direct messages: name a person or a channel in `channel`",
    "team_not_found": f"the workspace is not known: {_TOKEN}",
    "accesslimited": "Slack limits the app's access for now: it is tried again",
    "external_channel_migrating": "the shared channel is being moved: it is tried again",
    "too_many_attachments": _BLOCKS,
    "invalid_arguments": _BLOCKS,
    "invalid_attachments": _BLOCKS,
    "no_service": f"the hook was removed, or its app: {_HOOK}",
    "no_active_hooks": f"the hook was disabled: {_HOOK}",
    "no_service_id": f"the hook's URL is cut off: {_HOOK}",
    "no_team": f"the hook's workspace is gone: {_HOOK}",
    "team_disabled": f"the workspace is disabled: {_ADMIN}",
    "invalid_payload": "Slack could not read the message: report it to notifier's developers",
    "no_text": "Slack saw no text: report it to notifier's developers",
    "msg_too_long": "the message is too long for Slack: report it to notifier's developers",
    "invalid_blocks": _BLOCKS,
    "invalid_blocks_format": _BLOCKS,
    "msg_blocks_too_long": _BLOCKS,
    "ratelimited": _SLOWER,
    "rate_limited": _SLOWER,
    "message_limit_exceeded": "the workspace has reached its limit of messages: it is tried again",
    "internal_error": _SLACK,
    "fatal_error": _SLACK,
    "service_unavailable": _SLACK,
    "request_timeout": _SLACK,
    "rollup_error": _SLACK,
}  # fmt: skip


def advice(code: str, *, needed: str = "") -> str:
    """Advice for a code, as the end of a sentence. Empty if there is none. `needed` are the missing scopes."""
    if code == "missing_scope":
        scope = f"the scope {needed}" if needed else "a scope (chat:write)"
        return f"the app lacks {scope}: add it in the app's OAuth & Permissions, and install the app again"
    return _WORDS.get(code, "")


def rejects_blocks(code: str) -> bool:
    """Whether the code complains about the blocks, so that the text alone may be accepted."""
    return "blocks" in code or code in _BLOCKS_REJECTED
