"""What we say: rules, episodes, warnings, sign-off and delivery."""
