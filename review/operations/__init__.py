"""The page of operations: runs, sources, quarantine, deliveries, exchange, audit trail, keys, recipients."""
