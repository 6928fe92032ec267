"""Everything after Redis: take a batch, normalise its pushes, write them to Postgres."""
