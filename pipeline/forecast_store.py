"""Other agencies' forecasts (weather, CAMS): one CF NetCDF file a run, read as it was known at an instant.

Like observations: the file first, named by its content, then its listing in the ledger.
"""
