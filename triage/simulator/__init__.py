"""A pretend carrier that speaks the real one's protocol; it imports nothing of the product."""
