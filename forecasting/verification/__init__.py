"""Verification of stored predictions: measures with intervals; see docs/verification.md."""
