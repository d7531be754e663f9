"""Reasons: which inputs moved a forecast, what followed alike situations, and what would change it."""
