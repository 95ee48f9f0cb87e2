"""The environment script that Alembic requires; `notifier.store.migrate` runs the migrations."""
