"""Readers for archives as their publishers wrote them, and for any table that a mapping file describes."""
