"""The signature a carrier puts on every call it makes, so that the receiver can tell it from a stranger's."""

import base64
import hashlib
import hmac
from collections.abc import Iterable


def signature(token: str, url: str, params: Iterable[tuple[str, str]] = ()) -> str:
    """Base64 of HMAC-SHA1 over the address and the sorted body parameters.

    `url` is without the connection override fragment; a GET has its parameters in it and passes none here.
    Source: Twilio manual, "Webhooks security".
    """
    signed = url + "".join(name + value for name, value in sorted(set(params)))
    digest = hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()
