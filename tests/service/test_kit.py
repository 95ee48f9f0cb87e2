"""The operator's files in `config/`: each is read by the program that it is for, where that is installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from notifier.telemetry.metrics import Metrics
from tests.processes import Service, cli, eventually
from tests.sockets import free_port

ROOT = Path(__file__).parents[2]
KIT = ROOT / "config"
RULES = KIT / "prometheus-rules.yaml"
SETTINGS: dict[str, Any] = {"channels": {"out": {"type": "console"}}, "route": {"channels": ["out"]}}


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


def said(*command: str | Path) -> str:
    """What a program says that ends well."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_init_lays_them_out_and_overwrites_nothing(tmp_path: Path) -> None:
    """All files, as they are; the configuration under the name that was asked for; again, nothing changes."""
    first = cli("init", "etc/mine.yaml", folder=tmp_path)
    assert first.returncode == 0, first.stderr
    laid = {path.name: path.read_text() for path in (tmp_path / "etc").iterdir()}
    assert laid.pop("mine.yaml") == (KIT / "notifier.yaml").read_text()
    assert laid == {path.name: path.read_text() for path in KIT.iterdir() if path.name != "notifier.yaml"}
    (tmp_path / "etc/mine.yaml").write_text("x-mine: 1\n")
    (tmp_path / "etc/Caddyfile").unlink()
    again = json.loads(cli("init", "etc/mine.yaml", "--json", folder=tmp_path).stdout)
    assert again["written"] == ["etc/Caddyfile"]
    assert len(again["kept"]) == len(laid)
    assert (tmp_path / "etc/mine.yaml").read_text() == "x-mine: 1\n"
    refused = cli("init", "etc", folder=tmp_path)
    assert (refused.returncode, "name the file" in refused.stderr) == (2, True)


def test_rules_and_dashboard_name_metrics_that_there_are() -> None:
    """And labels in their descriptions that the metrics have."""
    known = {sample.name for family in Metrics().registry.collect() for sample in family.samples}
    known |= {
        f"{family.name}{end}"
        for family in Metrics().registry.collect()
        for end in ("", "_total", "_bucket", "_count", "_sum")
    }
    for path in (RULES, KIT / "grafana-dashboard.json"):
        named = set(re.findall(r"\b(?:notifier|process)_[a-z_]+", path.read_text()))
        assert len(named) > 8
        assert named <= known, named - known


def test_the_dashboard_fits_together() -> None:
    """Ids are unique, panels do not overlap, and each has a query with the dashboard's source of data."""
    dashboard = json.loads((KIT / "grafana-dashboard.json").read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [
        (x, y)
        for panel in panels
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(places)) == len(places)
    assert max(x for x, _ in places) < 24
    for panel in panels:
        for target in panel.get("targets", ()):
            assert target["expr"]
            assert target["datasource"]["uid"] == "${datasource}"


@needs("promtool")
def test_promtool_takes_the_rules_and_each_fires(tmp_path: Path) -> None:
    """A healthy service fires none; a sick one every one of its."""
    assert f"{len(yaml.safe_load(RULES.read_text())['groups'][0]['rules'])} rules found" in said(
        "promtool", "check", "rules", RULES
    )
    shutil.copy(RULES, tmp_path)
    tests = shutil.copy(Path(__file__).with_name("prometheus_rules_test.yaml"), tmp_path)
    assert "SUCCESS" in said("promtool", "test", "rules", tests)


@needs("systemd-analyze")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """With a program where it expects one; and what it may do is little."""
    unit = (KIT / "notifier.service").read_text().replace("/opt/notifier/bin/notifier", "/bin/true")
    (tmp_path / "notifier.service").write_text(unit)
    assert said("systemd-analyze", "verify", "--man=no", tmp_path / "notifier.service") == ""
    level = said("systemd-analyze", "security", "--offline=true", tmp_path / "notifier.service")
    exposure = re.search(r"exposure level for notifier.service: ([0-9.]+)", level)
    assert exposure is not None
    assert float(exposure[1]) < 2


def test_containers_get_what_they_name(tmp_path: Path) -> None:
    """Every secret, volume and dependency of compose.yaml is declared, nobody runs with rights, and ports are local."""
    document = yaml.safe_load((KIT / "compose.yaml").read_text())
    services = document["services"]
    assert {"notifier", "replica-1", "replica-2", "upgrade", "postgres"} == services.keys()
    for service in services.values():
        assert set(service.get("secrets", ())) <= document["secrets"].keys()
        assert set(service.get("depends_on", ())) <= services.keys()
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
        named = {volume.partition(":")[0] for volume in service.get("volumes", ())}
        assert {name for name in named if not name.startswith(".")} <= document["volumes"].keys()
        if service["image"].startswith("notifier:"):
            assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    (tmp_path / "notifier.yaml").write_text((KIT / "notifier.yaml").read_text())
    (tmp_path / "url").write_text("postgresql://notifier:x@postgres/notifier\n")
    environ = {"NOTIFIER_SERVER__HOST": "0.0.0.0", "NOTIFIER_DATABASE__URL_FILE": str(tmp_path / "url")}
    checked = cli("check", "--config", "notifier.yaml", folder=tmp_path, environ=environ)
    assert checked.returncode == 0, checked.stdout


def test_kubernetes_gets_a_configuration_that_is_good(tmp_path: Path) -> None:
    """The manifest's configuration passes `check`, its mounts are of its volumes, and its selectors meet its labels."""
    documents = {one["kind"]: one for one in yaml.safe_load_all((KIT / "kubernetes.yaml").read_text())}
    secret = tmp_path / "smtp-password"
    secret.write_text(documents["Secret"]["stringData"]["smtp-password"])
    text = documents["ConfigMap"]["data"]["notifier.yaml"].replace(
        "/etc/notifier/secrets/smtp-password", str(secret)
    )
    (tmp_path / "notifier.yaml").write_text(text)
    checked = cli("check", "--config", "notifier.yaml", folder=tmp_path)
    assert checked.returncode == 0, checked.stdout
    pod = documents["StatefulSet"]["spec"]["template"]
    [container] = pod["spec"]["containers"]
    volumes = {one["name"] for one in pod["spec"]["volumes"]}
    volumes |= {one["metadata"]["name"] for one in documents["StatefulSet"]["spec"]["volumeClaimTemplates"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    assert documents["Service"]["spec"]["selector"].items() <= pod["metadata"]["labels"].items()


@contextmanager
def proxied(program: list[str], folder: Path, port: int) -> Iterator[None]:
    """A proxy in the foreground, until the end."""
    with (folder / "proxy.log").open("wb") as log:
        process = subprocess.Popen(program, cwd=folder, stdout=log, stderr=log)
        try:
            eventually(lambda: _listens(port) or process.poll() is not None)
            assert process.poll() is None, (folder / "proxy.log").read_text()
            yield
        finally:
            process.terminate()
            process.wait(20)


def _listens(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=2)
    except httpx.TransportError:
        return False
    return True


def nginx(folder: Path, port: int, service: Service) -> list[str]:
    """The shipped site, without TLS, on other ports."""
    site = (KIT / "nginx.conf").read_text().replace("127.0.0.1:8000", f"127.0.0.1:{service.port}")
    site = "server {" + site.split("server {")[2]
    site = re.sub(r"    ssl_certificate.*\n|    listen \[::\].*\n", "", site)
    site = site.replace("listen 443 ssl", f"listen 127.0.0.1:{port}")
    paths = "".join(
        f"{name}_temp_path {folder}/{name}; " for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log {folder}/access.log; {paths}\n{site} }}\n"
    )
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def caddy(folder: Path, port: int, service: Service) -> list[str]:
    """The shipped file, without TLS, on other ports, with a log."""
    site = (KIT / "Caddyfile").read_text().replace("127.0.0.1:8000", f"127.0.0.1:{service.port}")
    log = f"log {{\n\t\toutput file {folder}/access.log\n\t}}"
    site = site.replace("notifier.example.com {", f"http://127.0.0.1:{port} {{\n\t{log}")
    (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n\tstorage file_system {folder}/caddy\n}}\n{site}")
    return ["caddy", "run", "--config", str(folder / "Caddyfile")]


@pytest.mark.slow
@pytest.mark.parametrize(
    "proxy", [pytest.param(nginx, marks=needs("nginx")), pytest.param(caddy, marks=needs("caddy"))]
)
def test_a_proxy_passes_everything_on(tmp_path: Path, proxy: Any) -> None:
    """Events of 5 MB, the pages, a stream that comes at once; and no link of a mail stands in its log."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    settings = {**SETTINGS, "server": {"url": address}}
    with Service(tmp_path, settings) as service, proxied(proxy(tmp_path, port, service), tmp_path, port):
        headers = {"authorization": f"Bearer {service.key}"}
        with httpx.Client(base_url=address, headers=headers, timeout=20) as client:
            event = {"service": "billing", "message": "x", "context": {"pad": "x" * 200_000}}
            assert client.post("/v1/events", json=[event] * 25).status_code == 202
            signed = httpx.Client(base_url=address, timeout=20)
            form = signed.get("/sign-in").text
            token = re.search(r'name="csrf" value="([^"]+)"|name="(\w+)" value="([^"]{20,})"', form)
            assert token is not None, form
            field = {"csrf": token[1]} if token[1] else {str(token[2]): token[3]}
            entered = signed.post("/sign-in", data={"key": service.key, **field})
            assert entered.status_code == 303, entered.text
            assert "billing" in signed.get("/incidents").text
            with signed.stream("GET", "/live", headers={"accept": "text/event-stream"}) as stream:
                assert stream.headers["content-type"].startswith("text/event-stream")
                assert next(stream.iter_raw())
            assert signed.get("/actions/secret-of-a-mail").status_code in {404, 410}
            signed.close()
    log = (tmp_path / "access.log").read_text()
    assert "/v1/events" in log
    assert "secret-of-a-mail" not in log
