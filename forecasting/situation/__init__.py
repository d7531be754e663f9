"""Situations: everything known at an issue, one row an issue, in named groups of columns."""

from forecasting.situation.columns import CALENDAR, Column, Recipe
from forecasting.situation.recipe import recipe_of
from forecasting.situation.rows import situations

__all__ = ["CALENDAR", "Column", "Recipe", "recipe_of", "situations"]
