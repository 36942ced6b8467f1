"""One command that starts everything a newcomer needs on one machine."""
