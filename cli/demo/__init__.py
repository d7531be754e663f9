"""The demonstration with two nodes: each a process of its own, a link that can be cut, and what is shown."""
