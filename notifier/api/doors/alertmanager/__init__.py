"""Alertmanager's API under `/api/v2`, for its clients: Prometheus, amtool, dashboards."""
