"""Orders of incidents know all states and the newest; deliveries of a channel, and failed runs of a task, are found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

NAME = "order_of_incidents_update"
CONDITION = "OLD.state <> NEW.state"
BODY = (
    "UPDATE incident_order SET closed = CASE NEW.state WHEN 'open' THEN 0 WHEN 'resolved' THEN 1 "
    "WHEN 'acknowledged' THEN 2 END WHERE number = NEW.number"
)
ACKNOWLEDGED = (
    "UPDATE incident_order SET closed = 2 WHERE number IN "
    "(SELECT number FROM incidents WHERE closed = 0 AND state = 'acknowledged')"
)


def upgrade() -> None:
    _follow_states()
    op.create_index("ix_incident_order_newest", "incident_order", ["project", "closed", "number"])
    op.create_index("ix_deliveries_channel", "deliveries", ["project", "channel", "id"])
    rare = sa.text("state != 'completed'")
    op.drop_index("ix_task_runs_state", "task_runs")
    columns = ["project", "state", "created_at", "id", "task"]
    op.create_index("ix_task_runs_state", "task_runs", columns, sqlite_where=rare, postgresql_where=rare)


def _follow_states() -> None:
    connection = op.get_bind()
    trigger = f"CREATE TRIGGER {NAME} AFTER UPDATE OF state ON incidents FOR EACH ROW WHEN ({CONDITION})"
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"DROP TRIGGER {NAME}")
        connection.exec_driver_sql(f"{trigger} BEGIN {BODY}; END")
    else:
        connection.exec_driver_sql(f"DROP TRIGGER {NAME} ON incidents")
        function = f"CREATE OR REPLACE FUNCTION {NAME}() RETURNS trigger LANGUAGE plpgsql AS $order$ "
        connection.exec_driver_sql(f"{function}BEGIN {BODY}; RETURN NULL; END $order$")
        connection.exec_driver_sql(f"{trigger} EXECUTE FUNCTION {NAME}()")
    connection.exec_driver_sql(ACKNOWLEDGED)
