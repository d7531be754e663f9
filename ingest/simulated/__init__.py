"""A small physical twin of the region that speaks the services' wire formats; always labelled simulated."""

from ingest.simulated.loading import ingest_history, ingest_recent, simulated_feeds
from ingest.simulated.world import SimulatedWorld, make_world

__all__ = ["SimulatedWorld", "ingest_history", "ingest_recent", "make_world", "simulated_feeds"]
