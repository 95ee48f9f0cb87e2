"""A frame's file is called as its module is, however the program was started, and the application knows its own."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import zipfile
from importlib import util
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import pytest

from notifier.client import MemoryTransport, Notifier
from notifier.client.capture import frames
from tests.client.receiver import Receiver
from tests.processes import eventually
from tests.sockets import free_port

FAILS = "def fail(order):\n    raise LookupError(order)\n"
MAIN = """
from fastapi import FastAPI
from notifier.client import Notifier
from shop.billing import tasks as billing
from shop.shipping import tasks as shipping

notifier = Notifier("shop")
app = notifier.instrument(FastAPI())
app.get("/billing")(lambda: billing.fail(1))
app.get("/shipping")(lambda: shipping.fail(1))
"""
START = "import uvicorn, sys\nfrom shop.main import app\nuvicorn.run(app, port=int(sys.argv[1]))\n"


def shop(root: Path) -> Path:
    for room in ("billing", "shipping"):
        folder = root / "shop" / room
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
        (folder / "tasks.py").write_text(FAILS)
    (root / "shop" / "__init__.py").touch()
    (root / "shop" / "main.py").write_text(MAIN)
    (root / "shop" / "__main__.py").write_text(START)
    return root


def started(*command: str, folder: Path, path: str, port: int, url: str) -> subprocess.Popen[bytes]:
    environ = {**os.environ, "NOTIFIER_URL": url, "NOTIFIER_KEY": "ntf_" + "0" * 40, "PYTHONPATH": path}
    environ.pop("PYTEST_CURRENT_TEST", None)
    program = subprocess.Popen(command, cwd=folder, env={**environ, "NOTIFIER_SPOOL": str(folder / "spool")})

    def answers() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/openapi.json").status_code == 200
        except httpx.TransportError:
            return False

    eventually(answers)
    return program


def own_files(event: dict[str, Any]) -> list[str]:
    return [frame["file"] for frame in event["exception"]["frames"] if frame["in_app"]]


LAUNCHERS = {
    "uvicorn": (["uvicorn", "shop.main:app", "--port", "{port}"], "."),
    "python -m uvicorn": (["python", "-m", "uvicorn", "shop.main:app", "--port", "{port}"], "."),
    "python -m shop": (["python", "-m", "shop", "{port}"], "."),
    "elsewhere": (["uvicorn", "--app-dir", "{root}", "shop.main:app", "--port", "{port}"], "/"),
    "installed": (["uvicorn", "shop.main:app", "--port", "{port}"], "/"),
}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_two_modules_of_one_name_are_two_under_every_launcher(launcher: str, tmp_path: Path) -> None:
    """The `uvicorn` command has its folder as "" in the path, `python -m` by its name, an installation not at all."""
    where = tmp_path / "lib/python3.11/site-packages" if launcher == "installed" else tmp_path
    root, port = shop(where), free_port()
    command, folder = LAUNCHERS[launcher]
    filled = [part.format(port=port, root=root) for part in command]
    filled[0] = str(Path(sys.executable).with_name(filled[0]))
    repository = str(Path(__file__).parents[2])
    path = f"{root}{os.pathsep}{repository}" if launcher == "installed" else repository
    with Receiver() as service:
        (tmp_path / "cwd").mkdir()
        cwd = tmp_path / "cwd" if folder == "/" else root
        program = started(*filled, folder=cwd, path=path, port=port, url=service.url)
        try:
            for room in ("billing", "shipping"):
                httpx.get(f"http://127.0.0.1:{port}/{room}")
            service.wait(lambda: len(service.events) == 2)
        finally:
            program.terminate()
            program.wait(60)
    told = [own_files(event)[-2:] for event in service.events]
    assert told == [["shop/main.py", f"shop/{room}/tasks.py"] for room in ("billing", "shipping")]


def caught(call: Any) -> TracebackType | None:
    try:
        call()
    except Exception as error:  # noqa: BLE001 - whatever a test raises
        return error.__traceback__
    return None


def files(call: Any, **options: Any) -> list[tuple[str, bool]]:
    """The last frames' names, and whether they are the application's."""
    found = frames.frame_documents(frames.captured_frames(caught(call)), **options)
    return [(frame["file"], frame["in_app"]) for frame in found[1:]]


def test_a_program_is_called_as_the_module_it_also_is(tmp_path: Path) -> None:
    """`python shop/billing/tasks.py` and `python -m shop.billing.tasks` are one; a script of no package is its name."""
    path = shop(tmp_path) / "shop" / "billing" / "tasks.py"
    script = tmp_path / "nightly.py"
    for file, name in ((path, "shop/billing/tasks.py"), (script, "nightly.py")):
        file.write_text("raise LookupError\n")
        assert files(lambda file=file: runpy.run_path(str(file), run_name="__main__"))[-1] == (name, True)


def test_two_plug_ins_that_were_loaded_by_their_paths_are_two(tmp_path: Path) -> None:
    """Their files may have one name."""
    names = []
    for name in ("first_plugin", "second_plugin"):
        path = tmp_path / name / "main.py"
        path.parent.mkdir()
        path.write_text(FAILS)
        spec = util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = util.module_from_spec(spec)
        spec.loader.exec_module(module)
        names.append(files(lambda module=module: module.fail(1))[-1][0])
    assert names == ["first_plugin/main.py", "second_plugin/main.py"]


def test_what_has_no_module_or_a_strange_one_is_named_by_its_file() -> None:
    """Code that was made at run time, and globals that anybody may have filled."""
    for names in ({}, {"__name__": 7}, {"__name__": "__main__", "__spec__": None}, {"__name__": ""}):
        code = compile("raise LookupError", "/srv/shop/made.py", "exec")
        assert files(lambda code=code, names=names: exec(code, dict(names)))[-1] == ("made.py", True)
    code = compile("raise LookupError", "<template>", "exec")
    assert files(lambda: exec(code, {"__name__": "shop"}))[-1] == ("<template>", True)


INSTALLED = (
    "/usr/lib/python3.11/site-packages/shop/billing/tasks.py",
    "/usr/lib/python3/dist-packages/shop/billing/tasks.py",
    "/root/.pex/installed_wheels/8f3a2b1c/shop-1.4.2-py3-none-any.whl/shop/billing/tasks.py",
    "C:\\Python311\\Lib\\site-packages\\shop\\billing\\tasks.py",
)


@pytest.mark.parametrize("file", INSTALLED)
def test_an_installed_application_s_frames_are_its_own_where_it_says_so(file: str) -> None:
    """Whole packages, and nothing that only begins alike."""
    captured_frames = [(file, "charge", 1, "shop.billing.tasks")]

    def own(*in_app: str) -> bool:
        (frame,) = frames.frame_documents(captured_frames, in_app)
        assert frame["file"] == "shop/billing/tasks.py"
        return bool(frame["in_app"])

    assert own("shop")
    assert own("other", "shop.billing")
    assert not own()
    assert not own("sho", "shop.bill", "billing")


def made_in(module: str, **options: Any) -> Notifier:
    names: dict[str, Any] = {"__name__": module, "Notifier": Notifier, "options": options}
    exec("class Own(Notifier): pass\nmade = Own('billing', **options)", names)
    return names["made"]  # type: ignore[no-any-return]


def test_by_default_the_package_that_made_the_notifier_is_the_application(tmp_path: Path) -> None:
    """Also through a class of its own, and below a namespace that several packages share."""
    memory = MemoryTransport()
    assert made_in("email.mime.text", transport=memory).options.in_app == ("email",)
    assert made_in("nightly", transport=memory).options.in_app == ("nightly",)
    assert made_in("__main__", transport=memory).options.in_app == ()
    assert made_in("email.mime", transport=memory, in_app="shop").options.in_app == ("shop",)
    assert made_in("email.mime", transport=memory, in_app=["a", "b"]).options.in_app == ("a", "b")
    (tmp_path / "acme" / "shop").mkdir(parents=True)
    (tmp_path / "acme" / "shop" / "__init__.py").touch()
    sys.path.insert(0, str(tmp_path))
    try:
        __import__("acme.shop")
        assert made_in("acme.shop.main", transport=memory).options.in_app == ("acme.shop",)
    finally:
        sys.path.remove(str(tmp_path))


def test_a_module_in_an_archive(tmp_path: Path) -> None:
    """As a zip application is shipped."""
    archive = tmp_path / "shop.pyz"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("zipped_shop/__init__.py", "")
        file.writestr("zipped_shop/tasks.py", FAILS)
    sys.path.insert(0, str(archive))
    try:
        module = __import__("zipped_shop.tasks").tasks
        assert files(lambda: module.fail(1))[-1] == ("zipped_shop/tasks.py", True)
    finally:
        sys.path.remove(str(archive))
