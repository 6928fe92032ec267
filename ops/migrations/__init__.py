"""How `ingest migrate` brings older tables up to schema.sql."""
