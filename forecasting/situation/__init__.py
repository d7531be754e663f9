"""Situations: everything known at an issue, one row an issue, in named groups of columns."""
