"""What is committed and shipped: the lock file, dependencies, the container, the README's commands, a fast `--help`."""

from __future__ import annotations

import ast
import re
import resource
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CI = (ROOT / ".ci" / "run").read_text()
LOCK = (ROOT / "requirements.lock").read_text()

# Distributions whose modules have other names; None for those that are used without an import.
MODULES = {
    "google-re2": "re2",
    "notifier-alerting": "notifier",  # an extra that includes another
    "prometheus-client": "prometheus_client",
    "pydantic-settings": "pydantic_settings",
    "python-multipart": "python_multipart",
    "pyyaml": "yaml",
    "slack-sdk": "slack_sdk",
    "markdown-it-py": "markdown_it",
    "httptools": None,  # uvicorn's parser
    "tzdata": None,  # zoneinfo's zones
    "uvloop": None,  # uvicorn's event loop
}
HEAVY = (
    "httpx",
    "pydantic",
    "fastapi",
    "sqlalchemy",
    "alembic",
    "yaml",
    "re2",
    "rich",
    "importlib.metadata",
    "asyncio",
)


def test_the_readme_s_two_commands_are_there_and_ci_runs_its_tests() -> None:
    """The README's two commands exist, and CI's last step is the second of them."""
    assert "pip install uv && uv run notifier serve\n" in README
    assert CI.rstrip().splitlines()[-1] == "pip install uv && uv run pytest"
    assert f"\n{CI.rstrip().splitlines()[-1]}\n" in README


def test_nothing_that_is_committed_names_a_machine() -> None:
    """No committed file contains a path of a developer's machine."""
    homes = "root|home|Users|work"
    pattern = re.compile(rf"(?<![\w.$}}/-])/({homes})/\w|file:///({homes}|tmp|mnt)\b")
    found = [f"{path.name}: {match[0]}" for path in committed() for match in pattern.finditer(text(path))]
    assert found == []


def test_the_lock_pins_with_hashes_and_records_no_address() -> None:
    pins = list(locked())
    assert len(pins) > 20
    assert "://" not in LOCK
    assert "--index" not in LOCK
    for pin, hashes in pins:
        assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*==\S+( ; .+)?", pin), pin
        assert hashes, pin


@pytest.mark.parametrize("group", ["base", "server", "postgres", "build"])
def test_the_lock_satisfies_what_is_declared(group: str) -> None:
    """The lock file satisfies every declared bound."""
    pins = {canonicalize_name(one.name): one for one in (Requirement(pin) for pin, _ in locked())}
    for requirement in declared(group):
        version = str(pins[canonicalize_name(requirement.name)].specifier).removeprefix("==")
        assert requirement.specifier.contains(version), requirement


def test_the_base_installation_needs_httpx_alone() -> None:
    assert [requirement.name for requirement in declared("base")] == ["httpx"]


@pytest.mark.skipif(find_spec("notifier.app") is None, reason="the service is not built yet")
@pytest.mark.parametrize("group", ["server", "postgres", "demo"])
def test_every_dependency_is_used(group: str) -> None:
    """Every dependency is imported somewhere."""
    names = {MODULES.get(requirement.name, requirement.name) for requirement in declared(group)} - {None}
    assert names - imported() == set()


def test_the_container_checks_hashes_and_runs_as_nobody_special() -> None:
    """The Dockerfile verifies hashes and runs as an unprivileged user."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "--require-hashes" in dockerfile
    assert (
        'HEALTHCHECK --interval=30s --timeout=10s --start-period=20s CMD ["notifier", "healthcheck"]'
        in dockerfile
    )
    names = re.findall(r"^FROM (\S+)(?: AS \S+)?$", dockerfile, re.MULTILINE)
    assert [name for name in names if name != "base"] == [names[0]]
    assert re.search(r"@sha256:[0-9a-f]{64}$", names[0])
    assert re.findall(r"^USER (.+)$", dockerfile, re.MULTILINE) == ["10001:10001"]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for path in ("Dockerfile", "config/compose.yaml", "config/kubernetes.yaml"):
        named = re.findall(r'image\.version="([^"]+)|image: notifier:(\S+)', (ROOT / path).read_text())
        assert {"".join(one) for one in named} == {version}


def test_help_costs_little() -> None:
    """`--help` takes little more processor time than a process that only imports httpx."""
    usual, ours = (
        min(cost(*one) for _ in range(3))
        for one in (("-c", "import httpx"), ("-m", "notifier.cli", "--help"))
    )
    assert ours < 1.3 * usual


def test_help_imports_nothing_heavy() -> None:
    """`--help` imports only what the parser needs: commands import the rest when they run."""
    program = "import sys; from notifier.cli import parser; parser().format_help(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not set(HEAVY) & set(done.stdout.split())


def test_receivers_to_test_with_need_no_extra() -> None:
    """`notifier.testing` imports in a base installation; only a started `SmtpServer` needs aiosmtpd."""
    blocked = {*imported(), "aiosmtpd"} & {*HEAVY, "aiosmtpd", "slack_sdk", "structlog", "jinja2"} - {
        "asyncio"
    }
    program = f"import sys; sys.modules.update(dict.fromkeys({sorted(blocked)})); import notifier.testing"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def cost(*arguments: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, *arguments]
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def committed() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this is no git checkout")
    return [path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")


def locked() -> Iterator[tuple[str, list[str]]]:
    """Each pin with its hashes."""
    for entry in re.split(r"\n(?=\S)", LOCK.replace("\\\n", "\n")):
        pin, *rest = entry.strip().splitlines()
        yield pin.strip(), [line.strip() for line in rest if line.strip().startswith("--hash=sha256:")]


def declared(group: str) -> list[Requirement]:
    document: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = document["project"]
    lists = {"base": project["dependencies"], "build": document["dependency-groups"]["build"]}
    return [Requirement(line) for line in (lists | project["optional-dependencies"])[group]]


@cache
def imported() -> frozenset[str]:
    """The top-level modules that the package imports, in statements or as drivers in URLs."""
    return frozenset(_imports())


def _imports() -> Iterator[str]:
    for path in (ROOT / "notifier").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module.partition(".")[0]
            elif isinstance(node, ast.Constant) and node.value == "postgresql+asyncpg":
                yield "asyncpg"
