"""What comes in: one file per source, each with ``get_`` (network), ``read_`` (file) and ``parse_`` (bytes)."""
