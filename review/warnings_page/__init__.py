"""Warnings: the list, every version with what changed, who got it, and what can be done with it."""
