"""Tools for tests of notifier and of its plug-ins: real receivers on loopback sockets, and a manual clock.

`WebhookReceiver`, `FakeSlack` and `SmtpServer` are context managers for synchronous and asynchronous tests
alike: each runs in threads of its own. Only `SmtpServer.start` needs aiosmtpd, which is a development
dependency.
"""

from notifier.testing.certificates import certificate
from notifier.testing.clock import ManualClock
from notifier.testing.http import Answer, Request
from notifier.testing.slack import FakeSlack, SlackMessage, slack_complaint
from notifier.testing.smtp import Mail, SmtpServer
from notifier.testing.webhook import WebhookReceiver

__all__ = [
    "Answer",
    "FakeSlack",
    "Mail",
    "ManualClock",
    "Request",
    "SlackMessage",
    "SmtpServer",
    "WebhookReceiver",
    "certificate",
    "slack_complaint",
]
