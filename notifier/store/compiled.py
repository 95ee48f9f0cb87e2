"""Statements compiled once per engine: on the hot path the compiler would cost more than the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from notifier.store.database import Dialect, Tx


def execute(
    tx: Tx, build: Callable[[Dialect], sa.ClauseElement], parameters: Mapping[str, object]
) -> sa.CursorResult[Any]:
    text, names, fixed = _compiled(build, tx.dialect)
    return tx.conn.exec_driver_sql(
        text, tuple(parameters[name] if name in parameters else fixed[name] for name in names)
    )


@cache
def _compiled(
    build: Callable[[Dialect], sa.ClauseElement], dialect: Dialect
) -> tuple[str, tuple[str, ...], Mapping[str, object]]:
    engine: Any = sqlite.dialect() if dialect == "sqlite" else postgresql.asyncpg.dialect()  # type: ignore[no-untyped-call]
    compiled: Any = build(dialect).compile(dialect=engine, compile_kwargs={"render_postcompile": True})
    return str(compiled), tuple(compiled.positiontup or ()), compiled.params
