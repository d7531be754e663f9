"""A small physical twin of the region that speaks the services' wire formats; always labelled simulated."""
