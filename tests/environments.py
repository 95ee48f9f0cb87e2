"""Programs in isolated environments, created by uv with the packages they need."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap


def isolated(*packages: str) -> list[str]:
    """The start of a command that runs with only these packages installed."""
    uv = shutil.which("uv")
    assert uv is not None, "the README's test command runs through uv"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    wanted = [part for one in packages for part in ("--with", one)]
    return [uv, "run", "-q", "--no-project", "--isolated", "--python", version, *wanted]


def run_program(program: str, *arguments: str, packages: list[str]) -> str:
    """Run a Python program that must succeed, and return what it printed to standard error."""
    command = [*isolated(*packages), "python", "-c", textwrap.dedent(program), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stderr
