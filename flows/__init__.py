"""When things happen: Prefect flows that wrap tested functions; the only package that knows Prefect."""
