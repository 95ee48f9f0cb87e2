"""The formats of Sentry's SDKs: envelopes, and the older single events (https://develop.sentry.dev)."""
