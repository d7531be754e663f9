"""Migrations of the ledger; run by ``pipeline.ledger.open_ledger``."""
