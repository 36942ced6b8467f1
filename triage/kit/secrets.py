"""Random tokens, their digests, and the encryption of what must be read again."""

import base64
import hashlib
import hmac
import secrets

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


def new_token() -> str:
    """256 random bits, safe in a cookie or an address."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is stored of a random token, so that a stolen table opens nothing."""
    return hashlib.sha256(token.encode()).hexdigest()


def are_equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _fernet(key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"triage vault\0" + key.encode()).digest()))


class Vault:
    """Encrypts with the first key and reads what any of them wrote, so that keys can be changed."""

    def __init__(self, keys: list[str]) -> None:
        self._keys = MultiFernet([_fernet(key) for key in keys])

    def seal(self, plain: str) -> str:
        return self._keys.encrypt(plain.encode()).decode()

    def open(self, sealed: str) -> str | None:
        """None where none of the keys fits."""
        try:
            return self._keys.decrypt(sealed.encode()).decode()
        except InvalidToken:
            return None
