"""`/healthz`, `/readyz`, `/metrics` and `/v1/backup`."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import tempfile
from pathlib import Path
from typing import BinaryIO

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from notifier.api.dependencies import AdminCaller, Documented, Running, actor_of, authenticate
from notifier.api.models.responses_operation import Health
from notifier.api.openapi import problems
from notifier.api.problems import HttpProblem, retry_after
from notifier.domain.errors import StoreFull
from notifier.domain.time import SECOND
from notifier.runtime.database import sqlite_path
from notifier.runtime.running_service import RunningService

router = APIRouter(tags=["operation"])

CHUNK = 256 * 1024
_EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/healthz")
async def healthz() -> Health:
    """The process responds."""
    return Health(status="ok")


@router.get("/readyz", responses=problems(503))
async def readyz(service: Running) -> Health:
    """A commit works and every loop runs. Otherwise 503 with the reasons."""
    reasons = await service.ready()
    if reasons:
        errors = [{"path": "", "message": reason} for reason in reasons]
        raise HttpProblem(503, f"not ready: {'; '.join(reasons)}", {"retry-after": "1"}, {"errors": errors})
    return Health(status="ready")


@router.get("/-/healthy", response_class=PlainTextResponse)
async def healthy() -> str:
    """The same as `/healthz`, under Alertmanager's path."""
    return "OK"


@router.get("/-/ready", response_class=PlainTextResponse, responses=problems(503))
async def ready(service: Running) -> str:
    """The same as `/readyz`, under Alertmanager's path."""
    await readyz(service)
    return "OK"


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **problems(401, 403)},
    openapi_extra={"security": [{}]},
)
async def metrics(request: Request, service: Running, _: Documented) -> Response:
    """Prometheus text. Needs `read`, unless the service listens on loopback only."""
    if not _on_loopback(service.settings.server.host):
        caller = await authenticate(request)
        caller.require("read")
    return Response(await service.exposition(), media_type=_EXPOSITION)


@router.post(
    "/v1/backup",
    response_class=Response,
    responses={200: {"content": {"application/vnd.sqlite3": {}}}, **problems(401, 403, 409, 503)},
)
async def backup(request: Request, caller: AdminCaller, service: Running) -> Response:
    """A consistent copy of the SQLite file, made while the service runs."""
    if service.database.dialect != "sqlite":
        raise HttpProblem(
            409,
            "the database is PostgreSQL: set `backup` in the configuration, or run pg_dump",
            more={"state": "postgresql"},
        )
    lock: asyncio.Lock = request.app.state.backup
    if lock.locked():
        raise HttpProblem(409, "a backup is being made: try again when it is done", more={"state": "busy"})
    async with lock:
        try:
            copy = await _copy(service)
        except StoreFull as error:
            raise retry_after(503, str(error), 30 * SECOND) from error
        await service.database.write(lambda tx: actor_of(caller, service).record(tx, "backup", "database"))
    return _Copy(copy)


async def _copy(service: RunningService) -> BinaryIO:
    """The backup as an open, unlinked file, so that nothing is left behind."""
    # Beside the database, because the folder of temporary files may be in memory.
    path = sqlite_path(service.settings.database.url)
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=path and path.parent) as folder:
        copy = Path(folder) / "notifier.db"
        await service.backup(copy)
        return copy.open("rb")


class _Copy(StreamingResponse):
    """A response that streams a file and closes it, even if the client disconnects."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        headers = {
            "content-length": str(os.fstat(file.fileno()).st_size),
            "content-disposition": 'attachment; filename="notifier.db"',
            "cache-control": "no-store",
        }
        chunks = iter(lambda: file.read(CHUNK), b"")
        super().__init__(chunks, media_type="application/vnd.sqlite3", headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def _on_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
