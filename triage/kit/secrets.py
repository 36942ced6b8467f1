"""Random tokens, their digests, and the encryption of what must be read again."""

import base64
import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12


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


def _derived(key: str, purpose: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt=None, info=b"triage " + purpose).derive(key.encode())


class Vault:
    """Encrypts with the first key and reads what any of them wrote, so that keys can be changed.

    AES-256-GCM; `g1.<id of the key>.<nonce and cipher text>`. What was sealed `about` one thing opens for no other:
    a row copied under another member is worth nothing. Without a prefix it was sealed by an earlier version.
    """

    def __init__(self, keys: list[str]) -> None:
        self._by_id = {_derived(key, b"key id", 4).hex(): AESGCM(_derived(key, b"seal", 32)) for key in keys}
        self._first = next(iter(self._by_id))
        self._earlier = MultiFernet([_fernet(key) for key in keys])

    def seal(self, plain: str, *, about: str = "") -> str:
        nonce = secrets.token_bytes(NONCE_BYTES)
        hidden = self._by_id[self._first].encrypt(nonce, plain.encode(), about.encode())
        return f"g1.{self._first}.{base64.urlsafe_b64encode(nonce + hidden).decode()}"

    def open(self, sealed: str, *, about: str = "") -> str | None:
        """None where none of the keys fits, or where it is about something else."""
        version, _, rest = sealed.partition(".")
        try:
            if version != "g1":
                return self._earlier.decrypt(sealed.encode()).decode()
            key_id, _, hidden = rest.partition(".")
            both = base64.urlsafe_b64decode(hidden)
            key = self._by_id[key_id]
            return key.decrypt(both[:NONCE_BYTES], both[NONCE_BYTES:], about.encode()).decode()
        except (InvalidToken, InvalidTag, KeyError, ValueError):
            return None
