"""The Alertmanager's API under `/api/v2`, for what knows one: Prometheus, amtool, dashboards."""
