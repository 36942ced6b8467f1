"""Tests of the pretend carrier, over real HTTP and with the carrier's own unmodified client library."""
