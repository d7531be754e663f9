"""The ledger: runs, models, episodes, warnings, deliveries and the audit trail, in one database."""

from pipeline.ledger.connect import Ledger, open_ledger

__all__ = ["Ledger", "open_ledger"]
