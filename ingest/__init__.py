"""What comes in: one file per source, with ``get_`` (network), ``read_`` (file) and ``parse_`` (bytes)."""
