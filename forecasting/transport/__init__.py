"""Where the air comes from: links between an upwind and a downwind city."""
