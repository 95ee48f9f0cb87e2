"""The labels that notifier sets itself."""

from __future__ import annotations

RESERVED_LABELS = ("project", "service", "environment", "release", "host", "severity", "exception", "task")
