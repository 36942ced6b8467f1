"""A text from a phone to the practice: kept, keywords obeyed, the webhook called, its answer read."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from sqlite3 import Connection

from triage.simulator import directory, keywords, posting, sending
from triage.simulator.calling import Answer
from triage.simulator.carrier import Carrier, new_sid
from triage.simulator.journeys import Behaviour
from triage.simulator.overrides import split_overrides
from triage.simulator.refusals import Refusal
from triage.simulator.store import Row
from triage.simulator.twiml import BadAnswer, Reply, read_replies


@dataclass(frozen=True)
class Photo:
    content_type: str
    content: bytes


def receive(carrier: Carrier, *, sender: str, recipient: str, body: str, photos: Sequence[Photo] = ()) -> str:
    """The SID of the text, kept before this returns; a webhook follows. Raises ValueError: no such number."""
    number = directory.number_or_none(carrier.store, recipient)
    if number is None:
        raise ValueError("no account of this carrier has that practice number")
    # The air carries UTF-16, and half a pair that got lost there arrives as the sign for "unreadable".
    body = body.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    word = keywords.keyword(body, practice_number=recipient)
    sid = new_sid("MM" if photos else "SM")
    now = time.time()
    with carrier.store.writing() as connection:
        sending.insert_text(
            connection,
            sid=sid,
            account_sid=number["account_sid"],
            service_sid=number["service_sid"],
            direction="inbound",
            sender=sender,
            recipient=recipient,
            body=body,
            status="received",
            media_count=len(photos),
            behaviour=directory.behaviour_of(carrier.store, sender),
            due_at=now,
            created_at=now,
            opt_out_type=word if number["advanced_opt_out"] else None,
        )
        connection.executemany(
            "insert into media values (?, ?, ?, ?, ?, null, ?)",
            [
                (new_sid("ME"), sid, number["account_sid"], photo.content_type, photo.content, now)
                for photo in photos
            ],
        )
        if word is not None:
            obey(connection, word, number, sender, at=time.time())
    carrier.errands.put(now, announce, carrier, sid)
    return sid


def announce(carrier: Carrier, sid: str) -> None:
    """Tells the practice. Safe to repeat: a text is told once an answer came or the carrier gave up."""
    text = carrier.store.row("select * from text where sid = ?", (sid,))
    if text is None or text["due_at"] is None:
        return
    number = directory.number_or_none(carrier.store, text["recipient"])
    if number is not None and number["sms_url"]:
        _tell(carrier, text, number)
    with carrier.store.writing() as connection:
        connection.execute("update text set due_at = null where sid = ?", (sid,))


def _tell(carrier: Carrier, text: Row, number: Row) -> None:
    letter = posting.Letter(
        "text",
        "text",
        text["sid"],
        text["account_sid"],
        number["token"],
        number["sms_method"],
        number["sms_url"],
        _params(carrier, text),
        text["token"],
    )
    if carrier.dice.happens("drop_webhooks"):
        posting.note_dropped(carrier, letter)
        return
    error = _post_and_answer(carrier, text, letter)
    if text["behaviour"] == Behaviour.TWICE or carrier.dice.happens("repeat_webhooks"):
        posting.post(carrier, letter)
    if error is not None and number["sms_fallback_url"]:
        url, _ = split_overrides(number["sms_url"])
        told = [*letter.params, ("ErrorCode", str(error)), ("ErrorUrl", url)]
        _post_and_answer(
            carrier,
            text,
            posting.Letter(
                "text",
                "fallback",
                text["sid"],
                text["account_sid"],
                number["token"],
                number["sms_fallback_method"],
                number["sms_fallback_url"],
                told,
                text["token"],
            ),
        )


def _post_and_answer(carrier: Carrier, text: Row, letter: posting.Letter) -> int | None:
    """The carrier's error number when the call did not work out."""
    answer = posting.post(carrier, letter)
    if answer.kind_of_failure:
        return _error_number(answer)
    try:
        replies = read_replies(answer.content_type, answer.content)
    except BadAnswer as bad:
        return bad.code
    for reply in replies:
        _reply(carrier, text, reply)
    return None


def _error_number(answer: Answer) -> int:
    return 11205 if answer.status is None else 11217


def _reply(carrier: Carrier, text: Row, reply: Reply) -> None:
    """A reply that is refused is a failed message of the account; nobody waits for the refusal itself."""
    account = carrier.store.row("select * from account where sid = ?", (text["account_sid"],))
    if account is None:
        return
    order = sending.Order(
        text["recipient"],
        reply.to or text["sender"],
        reply.body,
        media_urls=reply.media,
        direction="outbound-reply",
    )
    try:
        sending.accept(carrier, account, order)
    except Refusal as refusal:
        with carrier.store.writing() as connection:
            sending.insert_text(
                connection,
                sid=new_sid("SM"),
                account_sid=account["sid"],
                direction="outbound-reply",
                sender=order.sender,
                recipient=order.recipient,
                body=order.body,
                status="failed",
                behaviour=Behaviour.DELIVERS,
                error_code=refusal.code,
                created_at=time.time(),
            )


def obey(connection: Connection, word: keywords.Keyword, number: Row, phone: str, *, at: float) -> None:
    """Blocks or unblocks the pair and answers in the carrier's own words, which no list of messages shows."""
    scope = number["service_sid"] or number["number"]
    pair = (scope, phone)
    blocked = (
        connection.execute("select 1 from block where scope = ? and phone = ?", pair).fetchone() is not None
    )
    said = ""
    if word == "STOP" and not blocked:
        connection.execute("insert into block values (?, ?, ?)", (*pair, at))
        said = keywords.STOPPED
    elif word == "START" and blocked:
        connection.execute("delete from block where scope = ? and phone = ?", pair)
        said = keywords.STARTED
    elif word == "HELP" and not (blocked and keywords.is_toll_free(number["number"])):
        said = keywords.HELPED
    if said:
        sending.insert_text(
            connection,
            sid=new_sid("SM"),
            account_sid=number["account_sid"],
            direction="notice",
            sender=number["number"],
            recipient=phone,
            body=said,
            status="delivered",
            behaviour=Behaviour.DELIVERS,
            created_at=at,
        )


def _params(carrier: Carrier, text: Row) -> list[tuple[str, str]]:
    """Everything Twilio tells of an incoming text, under its names."""
    params = [
        ("ToCountry", "US"),
        ("ToState", "DC"),
        ("SmsMessageSid", text["sid"]),
        ("NumMedia", str(text["media_count"])),
        ("ToCity", "WASHINGTON"),
        ("FromZip", ""),
        ("SmsSid", text["sid"]),
        ("FromState", "DC"),
        ("SmsStatus", "received"),
        ("FromCity", "WASHINGTON"),
        ("Body", text["body"]),
        ("FromCountry", "US"),
        ("To", text["recipient"]),
        ("ToZip", ""),
        ("NumSegments", str(text["segments"])),
        ("MessageSid", text["sid"]),
        ("AccountSid", text["account_sid"]),
        ("From", text["sender"]),
        ("ApiVersion", "2010-04-01"),
    ]
    if text["service_sid"]:
        params.append(("MessagingServiceSid", text["service_sid"]))
    if text["opt_out_type"]:
        params.append(("OptOutType", text["opt_out_type"]))
    if text["media_count"]:
        media = carrier.store.rows("select * from media where text_sid = ? order by rowid", (text["sid"],))
        for place, item in enumerate(media):
            path = f"/2010-04-01/Accounts/{text['account_sid']}/Messages/{text['sid']}/Media/{item['sid']}"
            params += [
                (f"MediaUrl{place}", carrier.url + path),
                (f"MediaContentType{place}", item["content_type"]),
            ]
    return params
