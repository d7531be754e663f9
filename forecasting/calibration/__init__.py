"""Calibration: held-out errors turned into distributions that hold what they say, and keep holding it."""
