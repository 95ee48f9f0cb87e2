"""The manual's lines for Caddy, nginx, systemd and Prometheus, tried with the programs that read them."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from notifier.manual.chapters import chapter_at
from tests.processes import Service, eventually, free_port
from tests.snippets import blocks

pytestmark = pytest.mark.slow


def file_of(path: str, info: str) -> str:
    """The block of a chapter that is a file."""
    chapter = chapter_at(path)
    assert chapter is not None
    [found] = [block.text for block in blocks(chapter.text) if block.info.startswith(info)]
    return found


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {"channels": {"console": {"type": "console"}}, "route": {"channels": ["console"]}}
    with Service(tmp_path_factory.mktemp("proxied"), settings) as running:
        yield running


def caddy(folder: Path, port: int, behind: int) -> list[str]:
    lines = file_of("guides/proxy", "file: Caddyfile").replace(
        "notifier.example.com", f"http://127.0.0.1:{port}"
    )
    (folder / "Caddyfile").write_text("{\n  admin off\n}\n" + lines.replace(":8000", f":{behind}"))
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


def nginx(folder: Path, port: int, behind: int) -> list[str]:
    lines = file_of("guides/proxy", "file: nginx.conf").replace("443 ssl", f"127.0.0.1:{port}")
    lines = lines.replace("server_name notifier.example.com", "server_name 127.0.0.1")
    own = [
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    ]
    above = [f"user {getpass.getuser()};", f"pid {folder}/pid;", f"error_log {folder}/errors;", "events {}"]
    lines = lines.replace(":8000", f":{behind}")
    text = "\n".join([*above, "http {", f"access_log {folder}/access;", *own, lines, "}", ""])
    (folder / "nginx.conf").write_text(text)
    return ["nginx", "-c", str(folder / "nginx.conf"), "-e", f"{folder}/errors", "-g", "daemon off;"]


@pytest.mark.parametrize("proxy", [caddy, nginx])
def test_through_the_proxy_all_of_it_works(
    proxy: Callable[[Path, int, int], list[str]], service: Service, tmp_path: Path
) -> None:
    """An event, some megabytes of them, signing in, a stream that speaks at once; no address of an act is logged."""
    if shutil.which(proxy.__name__) is None:
        pytest.skip(f"there is no {proxy.__name__}")
    port = free_port()
    command = proxy(tmp_path, port, service.port)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "HOME": str(tmp_path)})
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as browser:
            eventually(lambda: answers(browser))
            key = {"authorization": f"Bearer {service.key}"}
            event = {"service": "billing", "message": "x" * 5_000}
            assert browser.post("/v1/events", headers=key, json=event).status_code == 202
            assert browser.post("/v1/events", headers=key, json=[event] * 600).status_code == 202
            token = re.findall(r'name="form_token" value="([^"]+)', browser.get("/sign-in").text)[0]
            browser.post("/sign-in", data={"key": service.key or "", "form_token": token})
            assert browser.get("/manual/guides/proxy").status_code == 200
            with browser.stream("GET", "/live", headers={"accept": "text/event-stream"}) as stream:
                assert next(line for line in stream.iter_lines() if line) == "retry: 3000"
            assert browser.get("/actions/secret").status_code == 404
    finally:
        process.terminate()
        process.wait(20)
    access = tmp_path / "access"
    assert "/actions/" not in (access.read_text() if access.exists() else "")


def answers(browser: httpx.Client) -> bool:
    try:
        return browser.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool")
def test_prometheus_reads_the_rules(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(file_of("guides/monitoring", "rules: "))
    done = subprocess.run(
        ["promtool", "check", "rules", str(rules)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 rules" in done.stdout


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_reads_the_unit(tmp_path: Path) -> None:
    """With this environment's interpreter for the command, which must be there."""
    unit = tmp_path / "notifier.service"
    text = file_of("guides/install", "file: notifier.service")
    unit.write_text(
        text.replace("/opt/notifier/bin/notifier", sys.executable).replace("User=notifier", "User=root")
    )
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert "notifier.service" not in done.stderr, done.stderr
