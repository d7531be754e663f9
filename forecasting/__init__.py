"""What will happen: pure functions from observations known at an instant to joint forecast samples."""
