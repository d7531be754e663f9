"""Deciding about a proposed warning: what was on the screen, the forms, and what happens when two decide."""
