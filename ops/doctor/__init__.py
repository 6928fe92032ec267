"""What `ingest doctor` looks at."""
