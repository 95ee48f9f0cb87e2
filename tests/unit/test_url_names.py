"""URLs that are shown say where they lead, and not what it takes to post there."""

from __future__ import annotations

import pytest

from notifier.domain.url_names import shown_url

HIDDEN = {
    "telegram": (
        "https://api.telegram.org/bot123456789:AAFa3kQ9xZ_b-17dPq0sVtyLmN8cRe2WuXy/sendMessage",
        "https://api.telegram.org/[scrubbed:a080]/sendMessage",
    ),
    "slack": (
        "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
        "https://hooks.slack.com/[scrubbed:d243]",
    ),
    "discord": (
        "https://discord.com/api/webhooks/1234567890/abcDEF123-_x/slack",
        "https://discord.com/api/webhooks/[scrubbed:f862]",
    ),
    "n8n": (
        "https://n8n.example.com/webhook/3f2a9c1e-1b2c-4d3e-8f90-0123456789ab",
        "https://n8n.example.com/webhook/[scrubbed:fee9]",
    ),
    "teams": (
        "https://prod-1.eu.logic.azure.com:443/workflows/0123456789abcdef0123456789abcdef/run?sig=x",
        "https://prod-1.eu.logic.azure.com:443/workflows/[scrubbed:3eb1]/run",
    ),
    "ntfy.sh": ("https://ntfy.sh/my-topic", "https://ntfy.sh/[scrubbed:5091]"),
    "topic": ("https://ntfy.example.com/alerts-x8Kq2mZp", "https://ntfy.example.com/[scrubbed:56dd]"),
    "hex": ("https://x.example/h/dead0eefcafe01", "https://x.example/h/[scrubbed:a08f]"),
    "letters": ("https://x.example/h/aBcDeFgHiJkLmNoPqRsT", "https://x.example/h/[scrubbed:de65]"),
    "consonants": ("https://x.example/h/qwrtpsdfghjklzxcvbnm", "https://x.example/h/[scrubbed:58b5]"),
    "pieces": ("https://x.example/ab-Cd1-_eF2-gH3_iJ4-kL5/", "https://x.example/[scrubbed:3091]/"),
    "named": ("https://x.example/token/tiger/send", "https://x.example/token/[scrubbed:f15c]/send"),
    "escaped": ("https://x.example/key%3Dabc123def456", "https://x.example/[scrubbed:01b5]"),
    "around": ("https://ann:hunter2@x.example/hook?key=1#part", "https://x.example/hook"),
}


@pytest.mark.parametrize(("url", "shown"), HIDDEN.values(), ids=HIDDEN)
def test_what_may_be_a_token_is_not_shown(url: str, shown: str) -> None:
    """A few digits of its hash stand there; and what is shown already stays."""
    assert shown_url(url) == shown
    assert shown_url(shown) == shown


def test_two_urls_stay_two() -> None:
    """Though all that tells them apart is hidden."""
    tokens = (f"https://x.example/hook/{number:032x}" for number in range(0, 10**30, 10**29))
    assert len({shown_url(url) for url in tokens}) == 10


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/n",
        "http://127.0.0.1:41231/hook",
        "https://[::1]:8080/hook/",
        "https://x.example",
        "https://x.example/alertmanager/api/v2/webhook-receiver",
        "https://x.example/k8s-alertmanager-production/oauth2callback",
        "https://x.example/2026/11/28/orders_v2",
        "https://x.example/services/payments-eu-west-1/notify2026",
        "https://x.example/webhook/PagerDutyProd/OnCallPrimaryEscalation24",
        "https://x.example/org/1234567890/project/42",
        "https://x.example/rest/api/2019-03-01-preview/incidentManagement.php",
        "https://ntfy.example.com/billing-alerts",
        "oncall@example.com",
        "#oncall",
        "stdout",
        "http://[bad",
    ],
)
def test_names_are_shown(url: str) -> None:
    """Words, numbers and versions; and what is no URL."""
    assert shown_url(url) == url
