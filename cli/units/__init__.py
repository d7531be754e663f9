"""Templates of the units of systemd and the files beside them."""
