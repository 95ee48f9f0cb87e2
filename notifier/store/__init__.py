"""The database: one module per role. Every function takes a `Tx` and runs inside one transaction of one engine."""
