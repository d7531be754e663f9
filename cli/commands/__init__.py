"""One file per group of commands; each command parses, calls one function and prints."""
