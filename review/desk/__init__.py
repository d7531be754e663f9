"""The desk: what is to be decided, on what grounds, and how both cities stand now or stood at an instant."""
