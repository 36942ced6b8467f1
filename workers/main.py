"""What `dramatiq workers.main` loads: every actor."""

from workers import delivery, importing, intake, post
from workers.broker import broker

__all__ = ["broker", "delivery", "importing", "intake", "post"]
