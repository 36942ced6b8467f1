"""The single words by which a phone tells the carrier to stop, to start again, or to help."""

from typing import Literal

Keyword = Literal["STOP", "START", "HELP"]

_STOP = {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}
_START = {"START", "YES", "UNSTOP"}
_HELP = {"HELP", "INFO"}

STOPPED = (
    "You are unsubscribed from this number and will get no more texts from it. Text START to subscribe again."
)
STARTED = (
    "You are subscribed to this number again. Text HELP for help or STOP to unsubscribe. Rates may apply."
)
HELPED = "Text STOP to unsubscribe from this number. Message and data rates may apply."

_TOLL_FREE = ("+1800", "+1833", "+1844", "+1855", "+1866", "+1877", "+1888")


def keyword(body: str, *, practice_number: str) -> Keyword | None:
    """Only a message that is nothing but the word counts; toll-free networks know fewer words.

    Source: Twilio manual, "Advanced opt-out", default words of long codes and of toll-free numbers.
    """
    word = body.strip().upper()
    if is_toll_free(practice_number):
        return _toll_free_keyword(word)
    if word in _STOP:
        return "STOP"
    if word in _START:
        return "START"
    return "HELP" if word in _HELP else None


def is_toll_free(number: str) -> bool:
    return number.startswith(_TOLL_FREE)


def _toll_free_keyword(word: str) -> Keyword | None:
    if word == "STOP":
        return "STOP"
    if word in {"START", "UNSTOP"}:
        return "START"
    return "HELP" if word == "HELP" else None
