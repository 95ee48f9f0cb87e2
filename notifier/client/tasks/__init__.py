"""Tasks: execution with retries, tracking, reporting and replay of runs."""
