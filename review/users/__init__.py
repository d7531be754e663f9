"""The page of a party's accounts, for its operators."""
