"""Where results go: a SQL store, NDJSON lines, a Prometheus page; and the spool that outlives their outages."""
