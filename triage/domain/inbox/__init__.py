"""The place where tasks live: who sees them, who has them, how they move."""
