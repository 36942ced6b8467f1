"""The pages before the inbox: signing in, in one or two steps, and signing out."""

from triage.web.entrance import again, code, keys, letters, lock, password, set_up
from triage.web.entrance.door import auth

__all__ = ["again", "auth", "code", "keys", "letters", "lock", "password", "set_up"]
