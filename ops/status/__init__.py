"""The state of everything right now, as facts: gathered from Redis and Postgres, by index alone."""
