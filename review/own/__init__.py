"""The page of a person's own account: language, password, second factor, sessions, tokens of programs."""
