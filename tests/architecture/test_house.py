"""The house keeps its floors (README.md#the-floors), and its rooms stay small."""

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
# What may be longer, and why. An entry that is no longer needed fails, so that the list only shrinks.
LONG_MODULES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {
    "notifier/store/migrations/versions/0001_initial.py:upgrade": "one statement for each table and index",
    "notifier/telemetry/metrics.py:__init__": "one declaration for each metric, and no decision",
}

# Kinds that are no vendor's, and the rooms that know no vendor by name.
GENERIC_KINDS = {"console", "email", "webhook"}
ROOMS_WITHOUT_VENDORS = ("api", "oncall", "runtime", "store")
# Modules there that name one, and why. An entry that is no longer needed fails, so that the list only shrinks.
VENDORS_NAMED: dict[str, str] = {
    "notifier/api/interactions.py": "the path that Slack apps were given before each channel had one",
    "notifier/store/migrations/versions/0003_oncall.py": "the name of a table",
    "notifier/store/schema/people.py": "the name of a table",
}

PURE = ("notifier.domain", "notifier.policy")
IMPURE = {"asyncio", "time", "random", "secrets", "os", "logging", "threading", "socket", "subprocess"}
THIRD_PARTIES_OF_THE_PURE = {"msgspec", "re2"}
# Imported by those alone who have the library.
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
    """`notifier.cli.text` is in `cli`; a third party's module is itself."""
    first, _, rest = module.partition(".")
    return rest.partition(".")[0] if first == "notifier" else first


def imports(graph: grimp.ImportGraph, package: str) -> set[str]:
    """The rooms and third parties that the package imports directly, itself left out."""
    modules = {package, *graph.find_descendants(package)}
    return {
        room(target) for module in modules for target in graph.find_modules_directly_imported_by(module)
    } - {
        room(package),
        "",
    }


@pytest.mark.skipif(find_spec("notifier.app") is None, reason="a floor is not built yet")
def test_a_module_imports_only_from_floors_below() -> None:
    """The contracts in pyproject.toml hold."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_contracts_name_every_kind() -> None:
    """A list of the kinds of channels has all of them, the newest too."""
    own = {f"notifier.channels.{name}" for name in kinds.BUILT_IN}
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    lists = [set(names) for contract in contracts for names in contract.values() if isinstance(names, list)]
    naming = [names & own for names in lists if names & own]
    assert len(naming) == 3
    assert all(names == own for names in naming)


def test_the_client_is_an_island() -> None:
    """It imports nothing of notifier, and httpx alone but for the modules of one library each; few import it."""
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
    """Domain and policy use the standard library without its clocks, dice and wires, and the regex engine."""
    used = imports(graph, package)
    assert not used & IMPURE
    assert used - set(sys.stdlib_module_names) <= {"domain", *THIRD_PARTIES_OF_THE_PURE}


def test_accepting_events_knows_no_status_of_http(graph: grimp.ImportGraph) -> None:
    """`ingest` says busy, full or rejected; who carried the events says what that is in HTTP."""
    assert not imports(graph, "notifier.ingest") & {"http", "fastapi", "starlette", "httpx", "uvicorn"}
    statuses = {202, 400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 500, 503}
    for path in (ROOT / "notifier" / "ingest").rglob("*.py"):
        numbers = {
            node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)
        }
        assert not {number for number in numbers if type(number) is int} & statuses, name(path)


def test_commands_reach_the_service_over_http_alone(graph: grimp.ImportGraph) -> None:
    """No command imports what the service is made of, but for the few that work on files."""
    used = imports(graph, "notifier.cli") - set(sys.stdlib_module_names)
    assert used <= {"httpx", "domain", "manual", "client", "settings", "runtime", "app"}


def test_no_module_is_too_long() -> None:
    """A module past 400 lines is a question: answer it here, or split it."""
    long = {name(path) for path in MODULES if len(path.read_text().splitlines()) > MODULE_LINES}
    assert long == present(LONG_MODULES)


def test_no_function_is_too_long() -> None:
    """A function past 50 lines, its docstring included, hides a decision."""
    long = {function for path in MODULES for function in long_functions(path)}
    assert long == present(LONG_FUNCTIONS)


def test_no_room_asks_for_a_vendor() -> None:
    """What one kind can and another cannot is a value of the kind; elsewhere nobody asks "is it Slack?"."""
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
    """The entries whose module is there."""
    return {entry for entry in allowance if (ROOT / entry.partition(":")[0]).exists()}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def long_functions(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            if node.end_lineno - node.lineno >= FUNCTION_LINES:
                yield f"{name(path)}:{node.name}"
