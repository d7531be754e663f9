"""The joint verification report of a month or a season: gathered, put into words, written."""
