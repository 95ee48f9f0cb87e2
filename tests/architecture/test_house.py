"""The layers of the package (README.md#the-floors), and the size of its modules."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import grimp
import pytest

from notifier.channels import kinds

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "notifier").rglob("*.py"))

MODULE_LINES = 400
FUNCTION_LINES = 50
# Longer modules and functions, with reasons. An entry that is no longer needed fails.
LONG_MODULES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {
    "notifier/store/migrations/versions/0001_initial.py:upgrade": "one statement for each table and index",
    "notifier/telemetry/metrics.py:__init__": "one declaration for each metric, and no decision",
}

# Kinds that belong to no vendor, and the rooms that name no vendor.
GENERIC_KINDS = {"console", "email", "webhook"}
ROOMS_WITHOUT_VENDORS = ("api", "oncall", "runtime", "store")
# Modules there that name one, with reasons. An entry that is no longer needed fails.
VENDORS_NAMED: dict[str, str] = {
    "notifier/api/interactions.py": "the path that Slack apps were given before each channel had one",
    "notifier/store/migrations/versions/0003_oncall.py": "the name of a table",
    "notifier/store/schema/people.py": "the name of a table",
}

PURE = ("notifier.domain", "notifier.policy")
IMPURE = {"asyncio", "time", "random", "secrets", "os", "logging", "threading", "socket", "subprocess"}
THIRD_PARTIES_OF_THE_PURE = {"msgspec", "re2"}
# Optional libraries, each imported by its integration only.
CLIENT_MODULES = {
    "fastapi": {"fastapi", "starlette"},
    "capture.middleware": {"starlette"},
    "celery": {"celery"},
    "rq": {"rq"},
    "dramatiq": {"dramatiq"},
    "pytest_plugin": {"pytest"},
}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("notifier", include_external_packages=True, cache_dir=None)


def room(module: str) -> str:
    """The room of a module: `cli` for `notifier.cli.text`; a third-party module is its own room."""
    first, _, rest = module.partition(".")
    return rest.partition(".")[0] if first == "notifier" else first


def imports(graph: grimp.ImportGraph, package: str) -> set[str]:
    """The rooms and third parties that the package imports directly, without itself."""
    modules = {package, *graph.find_descendants(package)}
    return {
        room(target) for module in modules for target in graph.find_modules_directly_imported_by(module)
    } - {
        room(package),
        "",
    }


@pytest.mark.skipif(find_spec("notifier.app") is None, reason="a floor is not built yet")
def test_a_module_imports_only_from_floors_below() -> None:
    """The import contracts in pyproject.toml hold."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_contracts_name_every_kind() -> None:
    """The contracts list every kind of channel."""
    own = {f"notifier.channels.{name}" for name in kinds.BUILT_IN}
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    lists = [set(names) for contract in contracts for names in contract.values() if isinstance(names, list)]
    naming = [names & own for names in lists if names & own]
    assert len(naming) == 3
    assert all(names == own for names in naming)


def test_the_client_is_an_island() -> None:
    """The client imports nothing of notifier and, except for integrations, only httpx; few packages import it."""
    graph = grimp.build_graph(
        "notifier", include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    )
    package = {"notifier.client", *graph.find_descendants("notifier.client")}
    for module in package:
        used = {room(target) for target in graph.find_modules_directly_imported_by(module)} - {"client"}
        allowed = CLIENT_MODULES.get(module.removeprefix("notifier.client."), {"httpx"})
        assert used - set(sys.stdlib_module_names) <= allowed, module
    modules = {"notifier.client", *graph.find_descendants("notifier.client")}
    users = {room(user) for module in modules for user in graph.find_modules_that_directly_import(module)}
    assert users - {"client"} <= {"cli", "demo"}


@pytest.mark.parametrize("package", PURE)
def test_decisions_are_pure(graph: grimp.ImportGraph, package: str) -> None:
    """Domain and policy use the standard library without clocks, random numbers and I/O, and the regex engine."""
    used = imports(graph, package)
    assert not used & IMPURE
    assert used - set(sys.stdlib_module_names) <= {"domain", *THIRD_PARTIES_OF_THE_PURE}


def test_accepting_events_knows_no_status_of_http(graph: grimp.ImportGraph) -> None:
    """`ingest` returns busy, full or rejected; its callers translate that to HTTP statuses."""
    assert not imports(graph, "notifier.ingest") & {"http", "fastapi", "starlette", "httpx", "uvicorn"}
    statuses = {202, 400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 500, 503}
    for path in (ROOT / "notifier" / "ingest").rglob("*.py"):
        numbers = {
            node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)
        }
        assert not {number for number in numbers if type(number) is int} & statuses, name(path)


def test_commands_reach_the_service_over_http_alone(graph: grimp.ImportGraph) -> None:
    """Commands import nothing of the service, except those that work on files."""
    used = imports(graph, "notifier.cli") - set(sys.stdlib_module_names)
    assert used <= {"httpx", "domain", "manual", "client", "settings", "runtime", "app"}


def test_no_module_is_too_long() -> None:
    """Every module has at most 400 lines, except those listed with a reason."""
    long = {name(path) for path in MODULES if len(path.read_text().splitlines()) > MODULE_LINES}
    assert long == present(LONG_MODULES)


def test_no_function_is_too_long() -> None:
    """Every function has at most 50 lines, its docstring included."""
    long = {function for path in MODULES for function in long_functions(path)}
    assert long == present(LONG_FUNCTIONS)


def test_no_room_asks_for_a_vendor() -> None:
    """Differences between kinds are values of the kind: no other code checks for a vendor."""
    vendors = set(kinds.BUILT_IN) - GENERIC_KINDS
    assert vendors
    word = re.compile(rf"(?i)({'|'.join(map(re.escape, vendors))})")
    rooms = [ROOT / "notifier" / room for room in ROOMS_WITHOUT_VENDORS]
    naming = {
        name(path)
        for path in MODULES
        if any(path.is_relative_to(room) for room in rooms) and word.search(path.read_text())
    }
    assert naming == present(VENDORS_NAMED)


def present(allowance: dict[str, str]) -> set[str]:
    """The entries whose module exists."""
    return {entry for entry in allowance if (ROOT / entry.partition(":")[0]).exists()}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def long_functions(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            if node.end_lineno - node.lineno >= FUNCTION_LINES:
                yield f"{name(path)}:{node.name}"
