"""Statements by the noun they concern, compiled once per engine, with their rows as frozen values."""
