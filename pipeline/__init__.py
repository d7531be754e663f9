"""The core: what data looks like, where it lives, and when; it knows no source, model, alert or scheduler."""
