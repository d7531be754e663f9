"""The core of the forecast: one kernel over situations, one regression for everything that is forecast."""
