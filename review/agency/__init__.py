"""The agencies' pages: warnings and bulletins for their city, acknowledging, what they are sent."""
