"""Keys, audit, sessions, links that act once, and permanent counters."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text

from notifier.store.schema.base import Big, metadata

# Links in mails: each lets one recipient act once on one incident. Only the token's hash is stored.
action_tokens = Table(
    "action_tokens",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("project", Text, nullable=False),
    Column("incident", Big, nullable=False),
    Column("action", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("created_at", Big, nullable=False),
    Column("expires_at", Big, nullable=False),
    Column("spent_at", Big),
)
Index("ix_action_tokens_expires", action_tokens.c.expires_at)

# Ids of answered callbacks of Slack, kept as long as one may be repeated.
answered_callbacks = Table(
    "slack_requests",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("at", Big, nullable=False),
)
Index("ix_slack_requests_at", answered_callbacks.c.at)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("created_at", Big, nullable=False),
    Column("revoked_at", Big),
    Column("door", Text),
    Column("service", Text),
    Column("last_used_at", Big),
)

# Browser sessions by the hash of their cookie; `key_id` is the key with which they were opened.
# Without a key, an OpenID provider has identified the person: `issuer` and `subject`, with `groups` as a JSON list.
sessions = Table(
    "sessions",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("key_id", Text),
    Column("created_at", Big, nullable=False),
    Column("seen_at", Big, nullable=False),
    Column("expires_at", Big, nullable=False),
    Column("issuer", Text),
    Column("subject", Text),
    Column("name", Text),
    Column("groups", Text),
)
Index("ix_sessions_expires", sessions.c.expires_at)
Index("ix_sessions_key", sessions.c.key_id)

# Browsers sent to an OpenID provider that have not returned: hashes of the state and of their cookie.
pending_sign_ins = Table(
    "pending_sign_ins",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("browser", Text, nullable=False),
    Column("next", Text, nullable=False),
    Column("expires_at", Big, nullable=False),
)
Index("ix_pending_sign_ins_expires", pending_sign_ins.c.expires_at)

# Links that sign in once. Only the token's hash is stored.
sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("key_id", Text, nullable=False),
    Column("expires_at", Big, nullable=False),
)
Index("ix_sign_in_links_expires", sign_in_links.c.expires_at)

audit = Table(
    "audit",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", Big, nullable=False),
    Column("project", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("key_name", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text),
)
Index("ix_audit_subject", audit.c.subject)

# Permanent counters, one row per replica and name to avoid contention.
ledger = Table(
    "ledger",
    metadata,
    Column("replica", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("n", Big, nullable=False),
)
