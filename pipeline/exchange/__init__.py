"""What two parties need to trust each other's statements: one canonical text and signatures over it."""
