"""Prometheus' alerts, as it posts them to an Alertmanager."""
