"""The carrier's error codes in plain words, and what helps."""

from typing import NamedTuple


class Failure(NamedTuple):
    """`sentence` says what happened; `advice` what to do next."""

    sentence: str
    advice: str


OPTED_OUT, LANDLINE = 21610, 30006
# Our own: the carrier's codes have five digits.
TURNED_OFF, NOT_VERIFIED, MAY_HAVE_OPTED_OUT, NOT_CURRENT, NO_CONSENT = 1, 2, 3, 4, 5

_OUR_SETUP = "Ask your practice admin to look at the numbers in Settings."
_FAILURES = {
    TURNED_OFF: Failure("texting was turned off before it left", "Turn it on and send it again."),
    NOT_VERIFIED: Failure(
        "the birth date was not confirmed any more when it left", "Ask to confirm it, then send it again."
    ),
    MAY_HAVE_OPTED_OUT: Failure(
        "the patient may have asked for no more texts before it left", "Say first what was meant."
    ),
    NOT_CURRENT: Failure(
        "the number was no longer the patient's when it left", "Choose another number of the patient."
    ),
    NO_CONSENT: Failure("nobody had agreed to texts at this number", "Record consent, then send it again."),
    21211: Failure("the number is not a valid one", "Check the number on the patient's record."),
    21217: Failure("the number is not a valid one", "Check the number on the patient's record."),
    21408: Failure("texting to this country is not enabled", _OUR_SETUP),
    21603: Failure("the practice's number is not set up", _OUR_SETUP),
    21606: Failure("the practice's number cannot send texts", _OUR_SETUP),
    21608: Failure("the carrier account is still a trial", _OUR_SETUP),
    OPTED_OUT: Failure("the patient texted STOP", "The patient can text START to opt back in."),
    21611: Failure("the carrier's queue is full", "Send it again in a few minutes."),
    21612: Failure("the carrier cannot reach this number", "Call instead."),
    21614: Failure("the number is not a mobile", "Call, or ask for another number."),
    21617: Failure("the text is too long", "Send it in two parts."),
    30001: Failure("the carrier's queue is full", "Send it again in a few minutes."),
    30002: Failure("the carrier account is suspended", _OUR_SETUP),
    30003: Failure("the phone was off or out of reach", "Send it again later, or call."),
    30004: Failure("the phone blocks texts from us", "Call instead."),
    30005: Failure("the number is not in service", "Ask for another number."),
    LANDLINE: Failure("the number is a landline", "Call, or ask for a mobile number."),
    30007: Failure("the carrier blocked the message", "Write it in other words, without links, or call."),
    30008: Failure("the carrier gave no reason", "Send it again once."),
    30017: Failure("the network was busy", "Send it again in a few minutes."),
    30019: Failure("the text is too large for the patient's carrier", "Send it in two parts."),
    30022: Failure("too many texts were sent at once", "Send it again in a few minutes."),
    30023: Failure("today's limit of texts is reached", "Send it tomorrow, or call."),
    30032: Failure("the practice's number is not verified yet", _OUR_SETUP),
    30034: Failure("the practice's number is not registered yet", _OUR_SETUP),
    30450: Failure("the carrier held it back as suspicious", _OUR_SETUP),
}
_UNKNOWN = Failure("the carrier did not accept it", "Send it again, or call.")


def explain(code: int | None) -> Failure:
    """Never raises: new codes are added without notice."""
    return _FAILURES.get(code or 0, _UNKNOWN)


def shown_code(code: int | None) -> int | None:
    """The carrier's code for its support desk; ours say nothing to anybody."""
    return None if code is not None and code <= NO_CONSENT else code
