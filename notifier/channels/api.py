"""The public API for kinds of channels, built in or in other packages; the only module of notifier that a kind imports.

Names here are stable, or deprecated with a warning first; any other module may change. A `Kind` declares its
settings, how a channel is opened, and its targets. It opens a `Channel`, whose `send` returns a `Receipt` or raises
`SendError` with an `Outcome`, and does nothing else (RULES.md#outcomes). Times and durations are in milliseconds.
"""

from __future__ import annotations

from notifier.channels.addresses import Network, allowed_networks
from notifier.channels.base import (
    FOLDER,
    Callback,
    CallbackRefusal,
    CallbackReply,
    Capabilities,
    Channel,
    ChannelSettings,
    Checkable,
    Inbound,
    Kind,
    Toolbox,
)
from notifier.channels.checks import reached
from notifier.channels.http import GuardedClient, Reply, SecretUrl, name_of, parse_url
from notifier.channels.outcomes import failure, of_status, retry_after
from notifier.channels.signing import signature, signing_key
from notifier.channels.time_zone import TimeZone
from notifier.domain.button import Button, Span
from notifier.domain.delivery import Outcome, Receipt, Thread
from notifier.domain.errors import SendError
from notifier.domain.incident import Incident
from notifier.domain.interaction import Person, Press, PressOrigin
from notifier.domain.message import ActionLink, Conversation, EpisodeSummary, Flapping, Message, Origin, Told
from notifier.domain.notification import Reason
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import HOUR, MINUTE, SECOND, Duration, Instant, rfc3339
from notifier.domain.value import replace
from notifier.telemetry.clock import Clock
from notifier.wording import (
    Evidence,
    Frame,
    IncidentBlock,
    Link,
    Moment,
    RenderedMessage,
    RenderOptions,
    lines,
    plain,
    render,
)

__all__ = [
    "FOLDER",
    "HOUR",
    "MINUTE",
    "SECOND",
    "ActionLink",
    "Button",
    "Callback",
    "CallbackRefusal",
    "CallbackReply",
    "Capabilities",
    "Channel",
    "ChannelSettings",
    "Checkable",
    "Clock",
    "Conversation",
    "Duration",
    "EpisodeSummary",
    "Evidence",
    "Flapping",
    "Frame",
    "GuardedClient",
    "Inbound",
    "Incident",
    "IncidentBlock",
    "Instant",
    "Kind",
    "Link",
    "Message",
    "Moment",
    "Network",
    "Origin",
    "Outcome",
    "Person",
    "Press",
    "PressOrigin",
    "Reason",
    "Receipt",
    "RenderOptions",
    "RenderedMessage",
    "Reply",
    "SecretUrl",
    "SendError",
    "Severity",
    "Span",
    "State",
    "Thread",
    "TimeZone",
    "Told",
    "Toolbox",
    "allowed_networks",
    "failure",
    "lines",
    "name_of",
    "of_status",
    "parse_url",
    "plain",
    "reached",
    "render",
    "replace",
    "retry_after",
    "rfc3339",
    "signature",
    "signing_key",
]
