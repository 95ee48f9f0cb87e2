"""The entry point of `notifier demo`, which prints its first lines before the slow imports."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, TextIO, cast

from notifier.demo.errors import CannotRun
from notifier.demo.layout import Ports

FIRST = "Starting the demo: an inbox, the service and a sample application, all on this machine. It takes some seconds."


def run(*, port: int, app_port: int, inbox_port: int, out: TextIO, environ: Mapping[str, str]) -> int:
    """Run until SIGINT or SIGTERM, then return 0. `CannotRun` is raised if the demo cannot start."""
    ports = Ports(service=port, app=app_port, inbox=inbox_port).chosen()
    out.write(f"{FIRST}\n\n")
    out.flush()
    return cast("int", _supervisor().run(ports, out, environ))


def _supervisor() -> Any:
    try:
        return importlib.import_module("notifier.demo.supervisor")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "notifier":
            raise
        raise CannotRun(
            f"this command needs more than is installed (no module {error.name}). "
            "Install the extra `demo` from the clone: pip install '.[demo]'"
        ) from error
