"""The checks of `ingest doctor`."""
