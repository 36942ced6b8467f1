"""Twilio's calls to us: check a signature, judge the shapes, read a text. Loads no more of the SDK than that."""

import base64
import hmac
import re
from collections.abc import Mapping

from twilio.request_validator import RequestValidator

from triage.domain.intake.ledger import Received
from triage.kit.phone import is_e164

MESSAGE_SID = re.compile(r"(SM|MM)[0-9a-f]{32}")
ACCOUNT_SID = re.compile(r"AC[0-9a-f]{32}")
PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")
SENDER = re.compile(r"[^\s\x00-\x1f]{1,64}")
COUNT = re.compile(r"[0-9]{1,2}")
STATUS = re.compile(r"[a-z_]{1,32}")
MOST_MEDIA = 10
# Not text that PostgreSQL can hold: NUL, and halves of a surrogate pair.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def is_signed(url: str, params: Mapping[str, str], signature: str | None, tokens: list[str]) -> bool:
    """Whether one of the account's tokens signed this call. Never raises."""
    if not signature or not signature.isascii():
        return False
    return any(
        _is_signed_plainly(url, params, signature, token)
        or RequestValidator(token).validate(url, dict(params), signature)
        for token in tokens
    )


def _is_signed_plainly(url: str, params: Mapping[str, str], signature: str, token: str) -> bool:
    """The rule itself. The SDK tries the address with and without its port as well, which takes ten times as long.

    Source: Twilio's manual, "Webhooks security".
    """
    signed = url + "".join(name + params[name] for name in sorted(params))
    expected = hmac.digest(token.encode(), signed.encode("utf-8", "surrogatepass"), "sha1")
    return hmac.compare_digest(base64.b64encode(expected), signature.encode())


def is_well_formed(params: Mapping[str, str], *, is_message: bool) -> bool:
    """Shapes that a signature alone does not prove: its text joins names and values without a mark, so the same
    signature fits parameters that are cut elsewhere."""
    if not all(PARAMETER.fullmatch(name) for name in params):
        return False
    if not ACCOUNT_SID.fullmatch(params.get("AccountSid", "")):
        return False
    if not MESSAGE_SID.fullmatch(params.get("MessageSid", "")):
        return False
    if not is_message:
        return STATUS.fullmatch(params.get("MessageStatus", "")) is not None
    media = params.get("NumMedia", "0")
    return (
        is_e164(params.get("To", ""))
        and SENDER.fullmatch(params.get("From", "")) is not None
        and "Body" in params
        and COUNT.fullmatch(media) is not None
        and int(media) <= MOST_MEDIA
    )


def clean(body: str) -> str:
    """The text without signs that cannot be stored."""
    return UNSTORABLE.sub("", body)


def read_message(params: Mapping[str, str]) -> Received:
    """An inbound call in our words; call `is_well_formed` first."""
    media = [
        {
            "url": clean(params.get(f"MediaUrl{n}", "")),
            "content_type": clean(params.get(f"MediaContentType{n}", "")),
        }
        for n in range(int(params.get("NumMedia") or 0))
    ]
    return Received(
        sid=params["MessageSid"],
        account=params["AccountSid"],
        from_number=clean(params["From"]),
        to_number=params["To"],
        body=clean(params.get("Body", "")),
        media=media,
        opt_out_type=clean(params.get("OptOutType", "")) or None,
        params={name: clean(value) for name, value in params.items()},
    )
