"""What `dramatiq workers.main` loads: every actor."""

from workers import delivery, intake, post
from workers.broker import broker

__all__ = ["broker", "delivery", "intake", "post"]
