"""How it is driven: the ``sameair`` command."""
