"""The outside world: each module translates one service."""
