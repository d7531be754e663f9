"""The pages of the season: calendar, duty rota, joint dossiers, weekly joint outlook."""

from __future__ import annotations

from fastapi import APIRouter

from review.season.calendar import calendar_routes
from review.season.dossiers import dossier_routes
from review.season.duty import duty_routes
from review.season.outlook import outlook_routes

__all__ = ["season_routes"]


def season_routes() -> tuple[APIRouter, ...]:
    """Return the routes of the season."""
    return (calendar_routes(), duty_routes(), dossier_routes(), outlook_routes())
