"""The first minute of a stranger: start it, run the `curl` that it prints, see the alert; then its commands."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from notifier.runtime.configuration import load
from tests.processes import KEY, Service, cli, eventually

SHIPPED = Path(__file__).parents[2] / "config" / "notifier.yaml"


def shipped(folder: Path) -> Service:
    """The shipped configuration, on a port and a database file of the test's own."""
    settings = yaml.safe_load(SHIPPED.read_text())
    settings["database"]["url"] = f"sqlite:///{folder / 'notifier.db'}"
    del settings["server"]["port"]
    return Service(folder, settings)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with shipped(tmp_path_factory.mktemp("first-minute")) as running:
        yield running


def printed_curl(service: Service) -> str:
    [line] = [line.strip() for line in service.out.splitlines() if line.strip().startswith("curl ")]
    return line


def test_the_key_is_printed_once_before_it_is_ready(tmp_path: Path) -> None:
    """On its own line, unstyled, exactly once, and there when `/readyz` first answers 200; never again later."""
    service = shipped(tmp_path).start(wait=False)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                ready = httpx.get(f"{service.url}/readyz", timeout=5).status_code == 200
            except httpx.TransportError:
                ready = False
            if ready:
                break
            assert time.monotonic() < deadline, service.log
            time.sleep(0.01)
        keys = KEY.findall(service.out)
        assert len(keys) == 1
        assert "\x1b" not in service.out
        assert keys[0] not in service.log
        service.key = keys[0]
        assert service.get("/v1/incidents")["items"] == []
        assert service.stop() == 0
        service.start()
        assert len(KEY.findall(service.out)) == 1
        assert service.get("/v1/incidents")["items"] == []
    finally:
        service.stop()


def test_the_printed_link_opens_the_pages(service: Service) -> None:
    """In a browser, once; `sign-in-link` makes another. A session opens the pages, and nothing of the API."""
    (printed,) = re.findall(r"^  (http\S+/welcome/\S+)$", service.out, re.MULTILINE)
    made = ok(service.cli("sign-in-link")).strip()
    for link in (printed, made):
        with httpx.Client(follow_redirects=True) as browser:
            page = browser.get(link)
            (token,) = re.findall(r'name="form_token" value="([^"]+)"', page.text)
            arrived = browser.post(link, data={"form_token": token})
            assert arrived.url.path == "/incidents"
            assert arrived.status_code == 200
            assert browser.get(f"{service.url}/v1/incidents").status_code == 401
            for door in ("/v1/events", "/api/1/envelope/", "/v1/sign-in-links"):
                assert browser.post(f"{service.url}{door}", content=b"{}").status_code == 401
    assert httpx.get(printed).status_code == 404


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_ready_made_curl_makes_the_alert_appear(service: Service) -> None:
    """Pasted into a shell as it was printed; the alert is on the console, and nothing there looks like a key."""
    before = service.out
    done = subprocess.run(["sh", "-c", printed_curl(service)], capture_output=True, check=True, timeout=30)
    assert json.loads(done.stdout)["status"] == "accepted"
    eventually(lambda: "hello from curl" in service.out.removeprefix(before))
    assert len([line for line in service.out.splitlines() if line.startswith("ntf_")]) == 1


def ok(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def answered(done: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(ok(done))


def test_an_event_can_be_sent_and_followed(service: Service) -> None:
    """`send`, then `incidents` and `deliveries`: as a table for people and as JSON for programs."""
    sent = answered(
        service.cli(
            "send", "--service", "billing", "--message", "could not charge", "--label", "region=eu", "--json"
        )
    )
    assert sent["status"] == "accepted"
    assert "could not charge" in ok(service.cli("incidents", "list"))
    shown = answered(service.cli("incidents", "show", sent["incident_id"], "--json"))
    assert (shown["title"], shown["labels"]["region"]) == ("could not charge", "eu")
    assert answered(service.cli("incidents", "list", "--query", 'service="billing" charge', "--json"))[
        "items"
    ]
    delivered = service.wait_delivery("console", "delivered")
    listed = answered(service.cli("deliveries", "list", "--channel", "console", "--json"))["items"]
    assert delivered["id"] in {one["id"] for one in listed}
    assert "delivered" in ok(service.cli("deliveries", "show", delivered["id"]))
    refused = service.cli("deliveries", "redeliver", delivered["id"])
    assert refused.returncode == 1
    assert "delivered" in refused.stderr
    assert answered(service.cli("dead-letters", "list", "--json"))["items"] == []


def test_many_are_sent_from_standard_input(service: Service) -> None:
    """One a line; the exit status is 1 when any was rejected, and the good ones count."""
    lines = '{"service": "stdin", "message": "a"}\n{"service": "stdin"}\n'
    done = service.cli("send", stdin=lines)
    assert done.returncode == 1
    assert "rejected" in done.stderr
    assert done.stdout.startswith("accepted")


def test_channels_and_routes_can_be_tried(service: Service) -> None:
    """`test-channel` sends a real message and says what became of it; `route-test` says who would be told."""
    assert "delivered" in ok(service.cli("test-channel", "console"))
    eventually(lambda: "A test of the channel console" in service.out)
    missing = service.cli("test-channel", "nobody")
    assert missing.returncode == 1
    assert "nobody" not in missing.stderr or "channel" in missing.stderr
    tried = answered(service.cli("route-test", "service=billing", "severity=critical", "--json"))
    assert tried["routes"][0]["channels"] == ["console"]
    assert re.search(r":\d+$", tried["routes"][0]["line"])


def test_keys_are_made_listed_and_revoked(service: Service) -> None:
    """A key's secret is printed once and works at once; revoked, it is refused at once with exit status 4."""
    made = answered(
        service.cli("keys", "create", "--project", "shop", "--scope", "ingest", "--scope", "read", "--json")
    )
    secret = made["key"]
    assert KEY.fullmatch(secret)
    assert ok(service.cli("incidents", "list", key=secret)) == ""
    listed = service.cli("keys", "list", "--json")
    assert secret not in listed.stdout
    assert made["id"] in {one["id"] for one in json.loads(listed.stdout)["items"]}
    ok(service.cli("keys", "revoke", made["id"]))
    refused = service.cli("incidents", "list", key=secret)
    assert refused.returncode == 4
    assert "revoked" in refused.stderr
    plain = ok(service.cli("keys", "create", "--name", "plain"))
    assert KEY.fullmatch(plain.strip())


def test_health_and_its_absence_have_exit_codes(service: Service, tmp_path: Path) -> None:
    """`healthcheck` needs no key; no service is 1 for it and 3 for others; no key is 2."""
    ok(service.cli("healthcheck"))
    nobody = {"NOTIFIER_URL": "http://127.0.0.1:9"}
    assert cli("healthcheck", folder=tmp_path, environ=nobody).returncode == 1
    away = cli("incidents", "list", folder=tmp_path, environ={**nobody, "NOTIFIER_KEY": "ntf_" + "x" * 40})
    assert away.returncode == 3
    assert "notifier serve" in away.stderr
    assert cli("incidents", "list", folder=tmp_path, environ={"NOTIFIER_URL": service.url}).returncode == 2


def test_the_shipped_configurations_are_good(tmp_path: Path) -> None:
    """`check` says so with exit status 0."""
    assert cli("check", "--config", str(SHIPPED), folder=tmp_path).returncode == 0
    schema = cli("schema", folder=tmp_path)
    assert json.loads(ok(schema))["$schema"]


def test_a_backup_is_a_database_that_works(service: Service, tmp_path: Path) -> None:
    """Taken while the service runs; a second service on the copy knows the incidents, the key, and makes none anew."""
    service.post({"service": "backup", "message": "remember me"})
    service.settle()
    copy = tmp_path / "copy.db"
    ok(service.cli("backup", str(copy)))
    assert copy.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(copy)) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    again = service.cli("backup", str(copy))
    assert again.returncode == 2
    restored = Service(
        tmp_path,
        {
            "database": {"url": f"sqlite:///{copy}"},
            "channels": {"c": {"type": "console"}},
            "route": {"channels": ["c"]},
        },
    )
    restored.key = service.key
    with restored:
        assert KEY.findall(restored.out) == []
        titles = {one["title"] for one in restored.items("/v1/incidents")}
        assert "remember me" in titles
        assert restored.post({"service": "backup", "message": "and me"}).status_code == 202
        assert restored.accounting()["balanced"]


def test_where_no_key_works_one_is_made(tmp_path: Path) -> None:
    """All keys revoked: the next start makes another, with all scopes, and prints it."""
    service = shipped(tmp_path)
    with service:
        first = service.key
        for one in service.items("/v1/keys"):
            with service.client() as client:
                client.delete(f"/v1/keys/{one['id']}")
        assert (
            httpx.get(f"{service.url}/v1/keys", headers={"authorization": f"Bearer {first}"}).status_code
            == 401
        )
        assert service.stop() == 0
        service.start()
        keys = KEY.findall(service.out)
        assert len(keys) == 2
        service.key = keys[1]
        assert service.post({"service": "billing", "message": "works"}).status_code == 202
        assert service.items("/v1/keys")[0]["scopes"] == ["admin", "ingest", "manage", "read"]


def test_a_key_can_be_made_while_the_service_is_down(tmp_path: Path) -> None:
    """`keys create --offline` takes the database's lock: it is refused while a service runs, and works after it."""
    service = shipped(tmp_path)
    with service:
        taken = service.cli("keys", "create", "--offline", "--config", str(service.config))
        assert taken.returncode in {2, 3}
        assert "in use by another notifier" in taken.stderr
        assert service.stop() == 0
        made = service.cli("keys", "create", "--offline", "--config", str(service.config), "--scope", "read")
        secret = ok(made).strip()
        assert KEY.fullmatch(secret)
        service.start()
        with service.client(secret) as client:
            assert client.get("/v1/incidents").status_code == 200


def test_without_a_configuration_alerts_go_to_the_console(tmp_path: Path) -> None:
    """No file, or one that does not say who is told: the alert is printed, and its delivery is in the books."""
    with Service(tmp_path, {}) as service:
        assert service.post({"service": "billing", "message": "could not charge"}).status_code == 202
        eventually(lambda: [each["state"] for each in service.items("/v1/deliveries")] == ["delivered"])
        assert "| [billing/production] error: could not charge" in service.out
        assert [channel["name"] for channel in service.items("/v1/channels")] == ["console"]


@pytest.mark.parametrize("text", [None, "", "server: {port: 8001}", "channels:\nroute:\n"])
def test_what_does_not_say_who_is_told_has_the_console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    """The channel of the settings can be opened, as every other."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "notifier.yaml"
    if text is not None:
        file.write_text(text)
    settings, configs = load(None if text is None else str(file), {})
    assert settings.route.channels == ("console",)
    assert {name: config.targets for name, config in configs.items()} == {"console": ("stdout",)}
