"""Bugsink, which also accepts Sentry's envelopes, if its commands are on the PATH (`pip install bugsink`).

It runs as in its template for a single machine: gunicorn with one process, and each event digested in its request.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.bench.subjects import DidNotStart, Stable, Subject, running, until_ready
from tests.bench.wire import HOST
from tests.sockets import free_port

NAME = "Bugsink"
_MAKE_PROJECT = """
import django
django.setup()
from projects.models import Project
print(Project.objects.create(name="bench").dsn)
"""
_KEY = re.compile(r"//([0-9a-f]+)@")


def programs() -> Path | None:
    """The folder of its commands, or None if it is not installed."""
    found = shutil.which("bugsink-manage")
    return None if found is None else Path(found).parent


@asynccontextmanager
async def bugsink(stable: Stable) -> AsyncIterator[Subject]:
    """One Bugsink with a new database and one project."""
    commands, folder, port = programs(), stable.box(NAME), free_port()
    assert commands is not None
    environ = {"PYTHONPATH": str(folder), "DJANGO_SETTINGS_MODULE": "bugsink_conf"}

    def run(program: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(commands / program), *arguments],
            cwd=folder,
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DidNotStart(f"{program} failed: {done.stderr[-500:]}")
        return done.stdout

    run("bugsink-create-conf", "--template=local", f"--host={HOST}", f"--port={port}")
    for database in ("default", "snappea"):
        run("bugsink-manage", "migrate", f"--database={database}")
    key = _KEY.search(run("python", "-c", _MAKE_PROJECT))
    if key is None:
        raise DidNotStart("bugsink made no project")
    command = [str(commands / "gunicorn"), f"--bind={HOST}:{port}", "--workers=1", "--timeout=60"]
    command += ["--threads=4", "--keep-alive=75"]  # persistent connections, as the load generator needs them
    command += [f"--chdir={folder}", "bugsink.wsgi"]
    async with running(command, folder, stable.core, added=environ) as (process, started):
        ready = await until_ready(process, folder, port, "/health/ready", started, any_status=True)
        yield Subject(
            name=NAME,
            process=process,
            port=port,
            core=stable.core,
            ready_seconds=ready,
            path=f"/api/1/envelope/?sentry_key={key[1]}",
            accepted=200,
        )
