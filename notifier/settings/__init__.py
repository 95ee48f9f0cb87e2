"""The configuration file and the environment, parsed once into frozen Settings.

A channel block stays a mapping with its places: the registry knows the kinds and validates it.
"""

from notifier.settings.channel_blocks import no_key
from notifier.settings.loading import load
from notifier.settings.model import (
    ChannelBlock,
    DatabaseSettings,
    DeliverySettings,
    IngestSettings,
    Mark,
    Quota,
    RetentionSettings,
    ServerSettings,
    Settings,
)
from notifier.settings.schema import json_schema

__all__ = [
    "ChannelBlock",
    "DatabaseSettings",
    "DeliverySettings",
    "IngestSettings",
    "Mark",
    "Quota",
    "RetentionSettings",
    "ServerSettings",
    "Settings",
    "json_schema",
    "load",
    "no_key",
]
