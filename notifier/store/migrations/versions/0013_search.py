"""Terms and orders that lists of incidents go by: terms, which housekeeping writes, and orders; and held members."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

SORTS = ("severity", "count", "last_seen")
RANK = "CASE severity WHEN 'critical' THEN 4 WHEN 'error' THEN 3 WHEN 'warning' THEN 2 WHEN 'info' THEN 1 ELSE 0 END"
CLOSED = (
    "UPDATE incident_order SET closed = CASE WHEN NEW.closed = 0 THEN 0 ELSE 1 END WHERE number = NEW.number"
)
FOLLOW = (
    ("order_of_incidents_update", "UPDATE OF closed", "(OLD.closed = 0) <> (NEW.closed = 0)", CLOSED),
    ("order_of_incidents_delete", "DELETE", "true", "DELETE FROM incident_order WHERE number = OLD.number"),
)


def upgrade() -> None:
    held = sa.text("held_by IS NOT NULL")
    columns = ["group_id", "incident", "held_by", "changed_at"]
    op.create_index("ix_members_held", "members", columns, sqlite_where=held, postgresql_where=held)
    bytewise = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
    op.create_table(
        "incident_terms",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("term", bytewise, nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project", "term", "block"),
        sqlite_with_rowid=False,
    )
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "incident_order",
        sa.Column("number", number, autoincrement=False, nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("closed", sa.SmallInteger(), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    _fill()
    for name in SORTS:
        op.create_index(f"ix_incident_order_{name}", "incident_order", ["project", "closed", name, "number"])
    _triggers()


def _fill() -> None:
    connection = op.get_bind()
    connection.exec_driver_sql(
        "INSERT INTO incident_order (number, project, closed, severity, count, last_seen) "  # noqa: S608 - our own
        f"SELECT number, project, CASE WHEN closed = 0 THEN 0 ELSE 1 END, {RANK}, count, last_seen FROM incidents"
    )
    connection.exec_driver_sql(
        "INSERT INTO instance (name, at) SELECT 'order', MAX(received_at) FROM events HAVING MAX(received_at) > 0"
    )


def _triggers() -> None:
    connection = op.get_bind()
    for name, event, condition, body in FOLLOW:
        trigger = f"CREATE TRIGGER {name} AFTER {event} ON incidents FOR EACH ROW WHEN ({condition})"
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(f"{trigger} BEGIN {body}; END")
            continue
        function = f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $order$ "
        connection.exec_driver_sql(f"{function}BEGIN {body}; RETURN NULL; END $order$")
        connection.exec_driver_sql(f"{trigger} EXECUTE FUNCTION {name}()")
