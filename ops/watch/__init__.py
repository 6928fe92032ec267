"""`ingest watch`: tells a webhook or a command of problems, for who has no Prometheus."""
