"""The pages of the season: who is on duty at either side, and what one shift tells the next."""

from review.season.duty import duty_routes

__all__ = ["duty_routes"]
