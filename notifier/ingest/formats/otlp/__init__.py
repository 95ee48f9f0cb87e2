"""Logs of OpenTelemetry (OTLP/HTTP), as JSON and as protobuf."""
