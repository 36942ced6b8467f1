"""Whole journeys, through real HTTP, real Redis and real processes."""
