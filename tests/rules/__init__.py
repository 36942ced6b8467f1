"""Tests that read the code: what every change must keep, so that nobody has to remember it."""
