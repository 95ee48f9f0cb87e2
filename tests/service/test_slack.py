"""Slack as a place to work, through the whole service: an event, a root, a press, and the root says who has it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from notifier.testing import FakeSlack
from tests.processes import Service, cli, eventually

EVENT = {"service": "billing", "message": "could not charge order 1842", "fingerprint": ["charge"]}


def settings(slack: FakeSlack, **changes: Any) -> dict[str, Any]:
    channel = {
        "type": "slack", "token": slack.token, "channel": "#oncall", "base_url": slack.base_url,
        "signing_secret": slack.signing_secret, "time_zone": "Europe/Berlin", **changes,
    }  # fmt: skip
    return {
        "server": {"url": "https://notifier.example.com"},
        "channels": {"oncall-slack": channel},
        "route": {"channels": ["oncall-slack"], "group_wait": "0s", "group_interval": "1s"},
        "delivery": {"allow_private_addresses": True},
    }


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack(paced=True) as server:
        yield server


@pytest.fixture
def service(tmp_path: Path, slack: FakeSlack) -> Iterator[Service]:
    with Service(tmp_path, settings(slack)) as running:
        yield running


def press(service: Service, slack: FakeSlack, ts: str, action: str, **parts: Any) -> httpx.Response:
    """As Slack does it: without a key, and answered before Slack gives up."""
    headers, body = slack.press(ts, action, **parts)
    started = time.monotonic()
    answer = httpx.post(f"{service.url}/v1/slack/actions", content=body, headers=headers, timeout=60)
    assert time.monotonic() - started < 20
    return answer


def test_an_incident_lives_its_whole_life_in_slack(service: Service, slack: FakeSlack) -> None:
    """Opened, acknowledged, resolved, and back again in a root of its own that links to the old one."""
    service.post(EVENT)
    service.wait_delivery("oncall-slack", "delivered")
    [root] = slack.roots
    assert "Open: could not charge" in root.text
    assert list(root.buttons) == ["acknowledge", "silence", "resolve", "open"]

    assert press(service, slack, root.ts, "acknowledge").status_code == 200
    taken = eventually(lambda: [one for one in slack.replies(root.ts) if "Acknowledged" in one.text])
    assert "Acknowledged by ann (UANN)" in taken[0].text
    assert "Acknowledged by ann (UANN)" in slack.messages[root.ts].text
    assert list(slack.messages[root.ts].buttons) == ["silence", "resolve", "open"]
    [incident] = service.items("/v1/incidents")
    assert (incident["state"], incident["acknowledged_by"]) == ("acknowledged", "ann (UANN)")

    late = press(service, slack, root.ts, "resolve", user=slack.person("bo"))
    assert (late.status_code, late.content) == (200, b"")
    over = eventually(lambda: [one for one in slack.replies(root.ts) if "Resolved by bo" in one.text])
    assert "Resolved by bo (UBO)" in over[0].text
    assert list(slack.messages[root.ts].buttons) == ["open"]
    service.settle()

    service.post(EVENT)
    again = eventually(lambda: slack.roots[1:])[0]
    assert f"<{slack.origin}/archives/C000/p{root.ts.replace('.', '')}|" in again.text
    assert [one["state"] for one in service.items("/v1/incidents")] == ["open", "resolved"]
    service.settle()


def test_a_silence_from_slack_keeps_the_next_incident_quiet(service: Service, slack: FakeSlack) -> None:
    """What it is for: the same service, another problem, and nobody is disturbed."""
    service.post(EVENT)
    service.wait_delivery("oncall-slack", "delivered")
    [root] = slack.roots
    answer = press(service, slack, root.ts, "silence", choice="1h")
    assert 'service="billing"' in answer.json()["text"]
    assert eventually(lambda: slack.whispers)[0]["text"] == answer.json()["text"]
    [silence] = service.items("/v1/silences")
    assert (silence["author"], silence["state"]) == ("ann (UANN)", "active")

    service.post({**EVENT, "fingerprint": ["refund"], "message": "could not refund order 9"})
    eventually(lambda: [one for one in service.items("/v1/groups") if one["held"] == {"silenced": 1}])
    assert len(slack.posted) == 1


def test_nobody_else_can_press(service: Service, slack: FakeSlack) -> None:
    """Forged, or the same request again: 401, and no word of it to anybody."""
    service.post(EVENT)
    service.wait_delivery("oncall-slack", "delivered")
    headers, body = slack.press(slack.roots[0].ts, "acknowledge")
    url = f"{service.url}/v1/slack/actions"
    forged = slack.signed(body, secret="another-secret")
    assert httpx.post(url, content=body, headers=forged).status_code == 401
    assert [one["state"] for one in service.items("/v1/incidents")] == ["open"]
    assert httpx.post(url, content=body, headers=headers).status_code == 200
    assert httpx.post(url, content=body, headers=headers).status_code == 401


def test_an_app_may_call_at_the_path_of_its_channel(service: Service, slack: FakeSlack) -> None:
    """As the receivers of any other channel do, and with the same answer."""
    service.post(EVENT)
    service.wait_delivery("oncall-slack", "delivered")
    headers, body = slack.press(slack.roots[0].ts, "acknowledge")
    url = f"{service.url}/v1/interactions/oncall-slack"
    assert httpx.post(url, content=body, headers=headers).status_code == 200
    assert [one["state"] for one in service.items("/v1/incidents")] == ["acknowledged"]
    assert httpx.post(f"{service.url}/v1/slack/actions", content=body, headers=headers).status_code == 401


ORG, OTHER_ORG = "E0ORG", "E0OTHER"
IN_ORG = {"id": "T000", "domain": "example", "enterprise_id": ORG, "enterprise_name": "Org"}
ORG_ITSELF = {"id": ORG, "name": "Org"}


def enterprise(team: Any, org: Any, user_team: str | None, *, org_wide: bool = False) -> dict[str, Any]:
    """The parts of a payload that say where a button was pressed, and by whom."""
    return {
        "team": team,
        "enterprise": org,
        "is_enterprise_install": org_wide,
        "user": {"id": "UANN", "username": "ann", "name": "ann", "team_id": user_team},
    }


MEMBERS = {
    "by-the-organisation": enterprise(IN_ORG, ORG_ITSELF, ORG),
    "by-the-workspace": enterprise(IN_ORG, ORG_ITSELF, "T000"),
    "no-enterprise": enterprise(IN_ORG, None, ORG),
    "no-enterprise-id": enterprise({"id": "T000", "domain": "example"}, ORG_ITSELF, ORG),
    "org-wide": enterprise(None, ORG_ITSELF, ORG, org_wide=True),
    "org-wide-by-the-workspace": enterprise(None, ORG_ITSELF, "T000", org_wide=True),
}
STRANGERS = {
    "another-organisation": enterprise(IN_ORG, ORG_ITSELF, OTHER_ORG),
    "another-workspace": enterprise(IN_ORG, ORG_ITSELF, "T666"),
    "without-one": enterprise(IN_ORG, ORG_ITSELF, None),
    "empty": enterprise({**IN_ORG, "enterprise_id": ""}, {"id": ""}, ""),
    "org-wide-another-organisation": enterprise(None, ORG_ITSELF, OTHER_ORG, org_wide=True),
    "org-wide-another-workspace": enterprise(None, ORG_ITSELF, "T666", org_wide=True),
    "no-organisation": enterprise({"id": "T000", "domain": "example"}, None, ORG),
    "a-workspace-as-organisation": enterprise({**IN_ORG, "enterprise_id": "T666"}, None, "T666"),
}
ELSEWHERE = {
    "all-of-another": enterprise(
        {"id": "T666", "enterprise_id": OTHER_ORG}, {"id": OTHER_ORG, "name": "x"}, OTHER_ORG
    ),
    "nothing": enterprise(None, None, "T000", org_wide=True),
}


def test_a_member_of_an_organisation_may_press(service: Service, slack: FakeSlack) -> None:
    """In an Enterprise organisation people go by its id, and an app of the whole one is told no workspace."""
    for name in MEMBERS:
        service.post({**EVENT, "service": name, "fingerprint": [name]})
    eventually(lambda: len(slack.roots) == len(MEMBERS))
    for root in slack.roots:
        name = next(one for one in MEMBERS if f"[{one}/" in root.text)
        answer = press(service, slack, root.ts, "acknowledge", **MEMBERS[name])
        assert (answer.status_code, answer.content) == (200, b""), name
    assert {one["acknowledged_by"] for one in service.items("/v1/incidents")} == {"ann (UANN)"}


def test_a_stranger_in_a_shared_channel_may_not(service: Service, slack: FakeSlack) -> None:
    """Slack Connect: whoever is of another company, or pressed elsewhere, does nothing and is told so."""
    service.post(EVENT)
    service.wait_delivery("oncall-slack", "delivered")
    for parts in STRANGERS.values():
        said = press(service, slack, slack.roots[0].ts, "acknowledge", **parts).json()["text"]
        assert "Only members of the workspace" in said, parts
    for parts in ELSEWHERE.values():
        said = press(service, slack, slack.roots[0].ts, "acknowledge", **parts).json()["text"]
        assert "does not belong to this message" in said, parts
    assert [one["state"] for one in service.items("/v1/incidents")] == ["open"]


def test_check_says_what_a_channel_cannot_do(tmp_path: Path, slack: FakeSlack) -> None:
    """An incoming webhook only posts, and a bot without its secret has no buttons: warnings, with their place."""
    document = settings(slack)
    del document["channels"]["oncall-slack"]["signing_secret"]
    document["channels"]["hook"] = {"type": "slack", "webhook_url": slack.webhook_url}
    (tmp_path / "notifier.yaml").write_text(json.dumps(document))
    done = cli("check", "--config", "notifier.yaml", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    assert "channels.oncall-slack: without `signing_secret` its messages have no buttons" in said
    assert "channels.hook: an incoming webhook only posts" in said


def test_a_secret_may_be_in_a_file(tmp_path: Path, slack: FakeSlack) -> None:
    """`signing_secret_file`, as every secret."""
    document = settings(slack)
    del document["channels"]["oncall-slack"]["signing_secret"]
    (tmp_path / "signing").write_text(f"{slack.signing_secret}\n")
    document["channels"]["oncall-slack"]["signing_secret_file"] = str(tmp_path / "signing")
    with Service(tmp_path, document) as service:
        service.post(EVENT)
        service.wait_delivery("oncall-slack", "delivered")
        assert press(service, slack, slack.roots[0].ts, "acknowledge").status_code == 200
        eventually(lambda: service.items("/v1/incidents")[0]["state"] == "acknowledged")


def test_the_manifest_asks_for_what_is_needed_and_no_more(service: Service) -> None:
    """One scope, no event and no command; its address is a path that answers Slack's own check."""
    manifest = yaml.safe_load((Path(__file__).parents[2] / "config" / "slack-manifest.yaml").read_text())
    assert manifest["oauth_config"]["scopes"] == {"bot": ["chat:write"]}
    assert "event_subscriptions" not in manifest["settings"]
    path = httpx.URL(manifest["settings"]["interactivity"]["request_url"]).path
    assert httpx.post(f"{service.url}{path}", data={"ssl_check": "1"}).status_code == 200
    assert httpx.post(f"{service.url}{path}", data={"payload": "{}"}).status_code == 401
