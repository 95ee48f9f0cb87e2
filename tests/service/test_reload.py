"""The configuration is reloaded: a real process, its file, SIGHUP and the API."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from notifier.testing import Answer, WebhookReceiver
from tests.processes import Service, eventually


def _settings(**channels: str) -> dict[str, Any]:
    """Webhooks by name; the first is told of everything at once."""
    return {
        "channels": {name: {"type": "webhook", "url": url} for name, url in channels.items()},
        "route": {"channels": [next(iter(channels))], "group_wait": "0s", "group_by": ["incident"]},
        "delivery": {"allow_private_addresses": True},
    }


def _write(service: Service, settings: dict[str, Any]) -> None:
    """Replace the file's settings; the port and the database stay as they are unless they are given."""
    document = {"database": {"url": f"sqlite:///{service.database}"}, **settings}
    document["server"] = {"port": service.port, **document.get("server", {})}
    service.config.write_text(yaml.safe_dump(document))


def _hang_up(service: Service) -> None:
    assert service.process is not None
    service.process.send_signal(signal.SIGHUP)


def _reload(service: Service, key: str | None = None) -> Any:
    with service.client(key) as client:
        return client.post("/v1/config/reload")


def _metric(service: Service, name: str) -> dict[str, float]:
    """The values of a metric by its labels."""
    with service.client() as client:
        text = client.get("/metrics").text
    return {
        labels: float(value)
        for labels, value in re.findall(rf"^{name}(\{{.*\}})? (\S+)$", text, re.MULTILINE)
    }


def _event(message: str, **fields: Any) -> dict[str, Any]:
    return {"service": "billing", "message": message, "fingerprint": [message], **fields}


def _told(receiver: WebhookReceiver) -> list[tuple[str, str]]:
    """(reason, title) of what has come, in order."""
    documents = [json.loads(one.body)["data"] for one in receiver.requests]
    return [(one["reason"], one["incidents"][0]["title"]) for one in documents]


@pytest.fixture
def receivers() -> Iterator[tuple[WebhookReceiver, WebhookReceiver, WebhookReceiver]]:
    with WebhookReceiver() as one, WebhookReceiver() as two, WebhookReceiver() as three:
        yield one, two, three


Three = tuple[WebhookReceiver, WebhookReceiver, WebhookReceiver]


def test_sighup_takes_a_new_channel_into_use(tmp_path: Path, receivers: Three) -> None:
    """The same process tells the new channel what comes next, and shows the new version."""
    old, new, _ = receivers
    with Service(tmp_path, _settings(old=old.url)) as service:
        service.post(_event("one"))
        eventually(lambda: _told(old) == [("opened", "one")])
        (before,) = _metric(service, "notifier_config_info")
        _write(service, _settings(new=new.url))
        _hang_up(service)
        eventually(lambda: '"reloaded"' in service.log)
        service.post(_event("two"))
        eventually(lambda: _told(new) == [("opened", "two")])
        (after,) = _metric(service, "notifier_config_info")
        assert after != before
        assert _metric(service, "notifier_config_last_reload_successful") == {"": 1}
        assert _told(old) == [("opened", "one")]
        service.settle()
        assert service.stop() == 0
    serving = next(json.loads(line) for line in service.log.splitlines() if '"serving"' in line)
    assert serving["version"] in before
    assert "Traceback" not in service.log


def test_a_bad_file_keeps_the_old_configuration_and_tells_the_fallback(
    tmp_path: Path, receivers: Three
) -> None:
    """422 with every place, a metric, an audit row's worth of log, one message; alerts go on as before."""
    old, fallback, _ = receivers
    settings = {**_settings(old=old.url, spare=fallback.url), "fallback": "spare"}
    with Service(tmp_path, settings) as service:
        broken = _settings(old=old.url)
        broken["route"] |= {"channels": ["nobody"], "group_wiat": "1s"}
        _write(service, broken)
        answer = _reload(service)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
        errors = answer.json()["errors"]
        assert len(errors) == 2, errors
        name = re.escape(service.config.name)
        assert all(re.fullmatch(rf"{name}:\d+:\d+", one["path"]) for one in errors), errors
        assert _metric(service, "notifier_config_last_reload_successful") == {"": 0}
        told = eventually(lambda: _told(fallback))
        assert told == [("system", "the configuration was not reloaded")]
        delivery = service.wait_delivery("spare", "delivered")
        assert delivery["reason"] == "system"
        # The same file again: whoever asks gets the answer, and the fallback has heard it.
        _hang_up(service)
        eventually(lambda: service.log.count('"reload_failed"') == 2)
        service.post(_event("one"))
        eventually(lambda: _told(old) == [("opened", "one")])
        assert len(fallback.requests) == 1
        _write(service, settings | {"auto_resolve": "12h"})
        assert _reload(service).json()["changed"] is True
        assert _metric(service, "notifier_config_last_reload_successful") == {"": 1}
        service.settle()
    assert "Traceback" not in service.log


def test_the_note_says_what_is_wrong_and_that_the_old_one_goes_on(tmp_path: Path) -> None:
    """Where, what, and how many more: in the message to the fallback channel."""
    settings: dict[str, Any] = {
        "channels": {"console": {"type": "console"}},
        "fallback": "console",
        "route": {"channels": ["console"]},
    }
    with Service(tmp_path, settings) as service:
        service.config.write_text("route: {channels: [a, b, c, d, e]}\n")
        _hang_up(service)
        eventually(lambda: "the old one (" in service.out)
        (line,) = [line for line in service.out.splitlines() if "the old one (" in line]
        assert "5 problems" in line
        assert f"{service.config.name}:1:" in line
        assert "and 2 more" in line


def test_a_file_that_is_gone_is_a_problem(tmp_path: Path, receivers: Three) -> None:
    """It does not become the built-in defaults."""
    old, *_ = receivers
    with Service(tmp_path, _settings(old=old.url)) as service:
        service.config.unlink()
        assert _reload(service).status_code == 422
        service.post(_event("one"))
        eventually(lambda: _told(old) == [("opened", "one")])


def test_what_the_api_answers(tmp_path: Path, receivers: Three) -> None:
    """The versions, whether anything changed, and what only a restart can change; `admin` alone may ask."""
    old, *_ = receivers
    settings = _settings(old=old.url)
    with Service(tmp_path, settings) as service:
        first = _reload(service).json()
        assert (first["changed"], first["version"]) == (False, first["previous"])
        assert first["needs_restart"] == []
        assert any("`fallback` is missing" in warning for warning in first["warnings"])
        _write(service, settings | {"server": {"port": 1, "url": "https://n.example.com"}})
        second = _reload(service).json()
        assert (second["changed"], second["needs_restart"]) == (True, ["server.port"])
        assert second["previous"] == first["version"] != second["version"]
        assert f'notifier_config_info{{version="{second["version"]}"}} 1.0' in _text(service)
        service.post(_event("one"))
        eventually(lambda: old.requests)
        url = json.loads(old.requests[0].body)["data"]["incidents"][0]["url"]
        assert url.startswith("https://n.example.com/")
        with service.client() as client:
            made = client.post("/v1/keys", json={"project": "default", "name": "m", "scopes": ["manage"]})
        assert _reload(service, made.json()["key"]).status_code == 403
        _write(service, settings | {"database": {"url": "sqlite:///elsewhere.db"}})
        assert _reload(service).json()["needs_restart"] == ["database.url"]
        assert not (tmp_path / "elsewhere.db").exists()
        assert service.log.count('"needs_restart"') == 2


def test_pending_deliveries_of_a_deleted_channel_go_to_the_fallback(tmp_path: Path, receivers: Three) -> None:
    """They become dead letters with their reason, and the fallback hears of each alert at once."""
    _, fallback, other = receivers
    with WebhookReceiver(default=Answer(status=503)) as down:
        settings = {**_settings(down=down.url, spare=fallback.url), "fallback": "spare"}
        with Service(tmp_path, settings) as service:
            for name in ("one", "two", "three"):
                service.post(_event(name))
            eventually(lambda: len(down.requests) >= 3)
            eventually(lambda: service.accounting()["pending"] == 3)
            assert not fallback.requests
            after = {**_settings(new=other.url, spare=fallback.url), "fallback": "spare"}
            _write(service, after)
            assert _reload(service).status_code == 200
            eventually(lambda: len(fallback.requests) == 3)
            assert sorted(_told(fallback)) == [("fallback", name) for name in ("one", "three", "two")]
            letters = service.items("/v1/dead-letters")
            assert {one["outcome"] for one in letters} == {"target_removed"}
            assert len(letters) == 3
            service.settle()


def test_a_send_in_flight_ends_on_its_old_sender(tmp_path: Path, receivers: Three) -> None:
    """The channel is removed while its receiver takes its time: the delivery is delivered, and not told again."""
    _, fallback, other = receivers
    with WebhookReceiver(default=Answer(delay=2.0)) as slow:
        settings = {**_settings(slow=slow.url, spare=fallback.url), "fallback": "spare"}
        with Service(tmp_path, settings) as service:
            service.post(_event("one"))
            eventually(lambda: service.accounting()["sending"] == 1)
            _write(service, {**_settings(new=other.url, spare=fallback.url), "fallback": "spare"})
            assert _reload(service).json()["changed"] is True
            delivery = service.wait_delivery("slow", "delivered")
            assert len(delivery["attempts"]) == 1
            service.post(_event("two"))
            eventually(lambda: _told(other) == [("opened", "two")])
            service.settle()
            assert not fallback.requests


def test_a_send_that_fails_on_a_removed_channel_goes_to_the_fallback(
    tmp_path: Path, receivers: Three
) -> None:
    """It was being sent when its channel went: what comes back to pending is swept up as well."""
    _, fallback, other = receivers
    with WebhookReceiver(default=Answer(status=503, delay=1.5)) as slow:
        settings = {**_settings(slow=slow.url, spare=fallback.url), "fallback": "spare"}
        with Service(tmp_path, settings) as service:
            service.post(_event("one"))
            eventually(lambda: service.accounting()["sending"] == 1)
            _write(service, {**_settings(new=other.url, spare=fallback.url), "fallback": "spare"})
            assert _reload(service).status_code == 200
            assert service.wait_delivery("slow", "dead")["outcome"] == "target_removed"
            eventually(lambda: _told(fallback) == [("fallback", "one")])
            service.settle()


def test_incidents_of_a_vanished_route_follow_the_new_one(tmp_path: Path, receivers: Three) -> None:
    """Told by a route that is then gone, it is not told again; its end reaches the new channel and the old one."""
    old, new, _ = receivers
    settings = _settings(new=new.url, old=old.url)
    child = {"match": ['service="billing"'], "channels": ["old"], "group_interval": "0s"}
    settings["route"] |= {"group_interval": "0s", "routes": [child]}
    with Service(tmp_path, settings) as service:
        service.post(_event("one"))
        eventually(lambda: _told(old) == [("opened", "one")])
        del settings["route"]["routes"]
        _write(service, settings)
        assert _reload(service).json()["changed"] is True
        service.post(_event("one", status="resolved"))
        eventually(lambda: _told(new) == [("resolved", "one")])
        eventually(lambda: _told(old) == [("opened", "one"), ("resolved", "one")])
        service.settle()


def test_a_new_inhibition_knows_what_was_open_before(tmp_path: Path, receivers: Three) -> None:
    """The source opened under the old file; the new rule holds what comes after it."""
    old, *_ = receivers
    settings = _settings(old=old.url)
    with Service(tmp_path, settings) as service:
        service.post(_event("cause", severity="critical"))
        eventually(lambda: _told(old) == [("opened", "cause")])
        rule = {"source": ['severity="critical"'], "target": ['severity="warning"'], "equal": ["service"]}
        _write(service, settings | {"inhibit": [rule]})
        assert _reload(service).json()["changed"] is True
        eventually(lambda: _versions(service) == 2)
        service.post(_event("effect", severity="warning"))
        eventually(lambda: any(one["held"] == {"inhibited": 1} for one in service.items("/v1/groups")))
        assert _told(old) == [("opened", "cause")]


def test_ingest_follows_its_new_limits(tmp_path: Path, receivers: Three) -> None:
    """Sizes and quotas hold from the next request on; what a key has used stays used."""
    old, *_ = receivers
    settings = _settings(old=old.url)
    with Service(tmp_path, settings) as service:
        assert service.post(_event("x" * 3_000)).status_code == 202
        small = {"max_event_bytes": "1KiB", "max_body_bytes": "2KiB", "rate_limit": "3/hour"}
        _write(service, settings | {"ingest": small})
        assert _reload(service).json()["changed"] is True
        assert service.post(_event("x" * 1_500)).status_code == 413
        assert "max_body_bytes" in service.post(_event("x" * 3_000)).text
        codes = [service.post(_event(f"n{n}")).status_code for n in range(5)]
        assert codes == [202, 202, 202, 429, 429]
        _write(service, settings | {"ingest": {"rate_limit": "100000/second"}})
        assert _reload(service).json()["changed"] is True
        eventually(lambda: service.post(_event("more")).status_code == 202)


def test_a_changed_file_at_a_start_moves_incidents_as_well(tmp_path: Path, receivers: Three) -> None:
    """Stopped, changed and started again: the incident's end is told by the new route."""
    old, new, _ = receivers
    settings = _settings(new=new.url, old=old.url)
    child = {"match": ['service="billing"'], "channels": ["old"]}
    settings["route"] |= {"group_interval": "0s", "routes": [child]}
    service = Service(tmp_path, settings)
    with service:
        service.post(_event("one"))
        eventually(lambda: _told(old) == [("opened", "one")])
    del settings["route"]["routes"]
    _write(service, settings)
    with service:
        service.post(_event("one", status="resolved"))
        eventually(lambda: _told(new) == [("resolved", "one")])
        eventually(lambda: _told(old)[1:] == [("resolved", "one")])
        service.settle()


def test_sighup_during_the_start_ends_nothing(tmp_path: Path, receivers: Three) -> None:
    """A signal every few milliseconds from the first moment on: it comes up, and serves."""
    old, *_ = receivers
    service = Service(tmp_path, _settings(old=old.url))
    service.start(wait=False)
    try:
        process = service.process
        assert process is not None
        # An interpreter that has not begun to run any code of ours cannot ignore it yet.
        eventually(lambda: _ignores(process.pid))
        for _ in range(150):
            if '"serving"' in service.log:
                break
            _hang_up(service)
        service.wait_ready()
        service.post(_event("one"))
        eventually(lambda: _told(old) == [("opened", "one")])
    finally:
        assert service.stop() == 0


def _ignores(pid: int) -> bool:
    """Whether the process ignores or handles SIGHUP by now."""
    status = Path(f"/proc/{pid}/status").read_text()
    masks = re.findall(r"^Sig(?:Ign|Cgt):\s*([0-9a-f]+)$", status, re.MULTILINE)
    return any(int(mask, 16) & 1 for mask in masks)


def test_reloads_at_once_follow_each_other(tmp_path: Path, receivers: Three) -> None:
    """Ten at the same time: each is answered, and the file's configuration is in use."""
    old, new, _ = receivers
    with Service(tmp_path, _settings(old=old.url)) as service:
        _write(service, _settings(new=new.url))
        with ThreadPoolExecutor(10) as pool:
            answers = [one.json() for one in pool.map(lambda _: _reload(service), range(10))]
        assert sorted(one["changed"] for one in answers) == [False] * 9 + [True]
        assert len({one["version"] for one in answers}) == 1
        service.post(_event("one"))
        eventually(lambda: _told(new) == [("opened", "one")])


def test_one_reload_after_the_other_while_something_is_sent(tmp_path: Path, receivers: Three) -> None:
    """Channels come and go and the address policy changes twice: the send ends well, and each sender is closed once."""
    _, new, again = receivers
    with WebhookReceiver(default=Answer(delay=2.0)) as slow:
        first, second = _settings(slow=slow.url), _settings(new=new.url)
        strict = {**_settings(new="https://hooks.example.com/"), "delivery": {}}
        with Service(tmp_path, first) as service:
            service.post(_event("one"))
            eventually(lambda: service.accounting()["sending"] == 1)
            for settings in (second, strict, first, strict, _settings(new=new.url, more=again.url)):
                _write(service, settings)
                assert _reload(service).json()["changed"] is True
            assert service.wait_delivery("slow", "delivered")["attempts"][0]["outcome"] == "delivered"
            service.post(_event("two"))
            eventually(lambda: _told(new) == [("opened", "two")])
            service.settle()
            assert service.stop() == 0
    assert "Traceback" not in service.log
    assert "exception" not in service.log


def _versions(service: Service) -> int:
    """How many configurations are known; the last step of a reload writes its own down."""
    with closing(sqlite3.connect(f"file:{service.database}?mode=ro", uri=True)) as database:
        found: int = database.execute("SELECT count(*) FROM configurations").fetchone()[0]
    return found


def _text(service: Service) -> str:
    with service.client() as client:
        return client.get("/metrics").text


def test_a_dead_target_with_other_settings_is_tried(tmp_path: Path, receivers: Three) -> None:
    """410 twice switches the hook off; another secret and a reload, or another URL and a restart, switch it on."""
    old, new, _ = receivers
    old.script(Answer(status=410), Answer(status=410))
    with Service(tmp_path, _settings(hook=old.url)) as service:
        for message in ("one", "two", "three"):
            service.post(_event(message))
            eventually(
                lambda m=message: _states(service).count("dead") == ["one", "two", "three"].index(m) + 1
            )
        assert len(old.requests) == 2
        settings = _settings(hook=old.url)
        settings["channels"]["hook"]["secret"] = "whsec_" + "QUFB" * 8
        _write(service, settings)
        assert _reload(service).status_code == 200
        eventually(lambda: _channel_state(service) == "ok")
        service.post(_event("four"))
        eventually(lambda: ("opened", "four") in _told(old))
        old.script(Answer(status=410), Answer(status=410))
        for message in ("five", "six"):
            service.post(_event(message))
        eventually(lambda: _channel_state(service) == "disabled")
        service.stop()
        _write(service, _settings(hook=new.url))
        service.start()
        service.post(_event("seven"))
        eventually(lambda: ("opened", "seven") in _told(new))


def _states(service: Service) -> list[str]:
    return [one["state"] for one in service.items("/v1/deliveries")]


def _channel_state(service: Service) -> str:
    return str(service.get("/v1/channels")["items"][0]["targets"][0]["state"])
