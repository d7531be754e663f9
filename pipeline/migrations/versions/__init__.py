"""One file per migration, numbered; explicit tables, so that a ledger of any age ends up the same."""
