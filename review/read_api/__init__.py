"""The read API: runs, forecasts, observations, warnings, episodes and verification, as documents."""
