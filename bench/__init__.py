"""Repeatable measurements, and the kill run."""
