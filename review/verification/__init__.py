"""The verification page: how good forecasts, reviewed warnings and baselines were, with counts and ranges."""
