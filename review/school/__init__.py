"""The replay school: past days as they were known, foreseen by people and scored beside the model."""

from review.school.routes import school_routes

__all__ = ["school_routes"]
