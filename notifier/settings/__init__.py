"""The configuration file and the environment, parsed once into frozen Settings.

A channel block stays a mapping with its places: the registry knows the kinds and validates it.
"""

from notifier.settings.auth import AuthSettings, OpenIdSettings, ProxyHeaderSettings
from notifier.settings.channel_blocks import ChannelBlock
from notifier.settings.complaints import complaints
from notifier.settings.document import SourceFile, SourceMark
from notifier.settings.loading import load
from notifier.settings.model import Settings
from notifier.settings.schema import json_schema
from notifier.settings.sections import (
    BackupSettings,
    DatabaseSettings,
    DeliverySettings,
    IngestSettings,
    RetentionSettings,
    ServerSettings,
)
from notifier.settings.values import Network, Rate

__all__ = [
    "AuthSettings",
    "BackupSettings",
    "ChannelBlock",
    "DatabaseSettings",
    "DeliverySettings",
    "IngestSettings",
    "Network",
    "OpenIdSettings",
    "ProxyHeaderSettings",
    "Rate",
    "RetentionSettings",
    "ServerSettings",
    "Settings",
    "SourceFile",
    "SourceMark",
    "complaints",
    "json_schema",
    "load",
]
