"""Where people look: the forecasters' pages and the read API."""
