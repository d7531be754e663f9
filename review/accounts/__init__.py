"""Who may use the pages, and for which party: accounts, roles, passwords, sessions."""
