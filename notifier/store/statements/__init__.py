"""Statements, compiled once for each engine: functions of the dialect, by the noun that they read or write."""
