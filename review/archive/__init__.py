"""The archive: any past cycle as it stood at an instant, step by step, and the reports that were written."""
