"""Alembic asks for this file; the service runs migrations through `notifier.store.migrate`."""
