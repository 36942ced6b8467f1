"""A member answers; whatever the carrier does, one text leaves, and the thread says what became of it."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from twilio.request_validator import RequestValidator

from tests import builders, cast
from tests.stories.clinic import Browser, Clinic
from triage.domain.conversations.delivery import OutboundState, OutboundText
from triage.domain.conversations.message import Message
from triage.domain.inbox.task import Task
from triage.kit import db


@pytest.fixture
def ana(clinic: Clinic) -> Browser:
    return clinic.sign_in("ana")


def _waiting(clinic: Clinic, number: str | None = None) -> Task:
    body = f"please answer {builders.a_sid()}"
    clinic.text(body, from_number=number or builders.a_number())
    return clinic.soon(lambda: clinic.task_of(body))


def _outbound(clinic: Clinic, body: str) -> OutboundText | None:
    message = clinic.message(body)
    return clinic.outbound(message.id) if message else None


def _delivered(clinic: Clinic, body: str) -> bool:
    text = _outbound(clinic, body)
    return text is not None and text.carrier_status == "delivered"


def test_the_same_form_sent_twenty_times_at_once_sends_one_text(clinic: Clinic, ana: Browser) -> None:
    task, form = _waiting(clinic), db.new_id()

    def press(_: int) -> int:
        path = f"/conversations/{task.conversation_id}/messages"
        return ana.post(path, body="pressed too often", form_id=form).status_code

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(press, range(20))) == {303}

    clinic.soon(lambda: _delivered(clinic, "pressed too often"))
    assert len(clinic.at_carrier("pressed too often")) == 1
    assert len(clinic.messages("pressed too often")) == 1


def test_the_same_form_with_other_words_is_refused_and_keeps_them(clinic: Clinic, ana: Browser) -> None:
    task, form = _waiting(clinic), db.new_id()
    path = f"/conversations/{task.conversation_id}/messages"
    ana.post(path, body="the first words", form_id=form)

    answer = ana.post(path, body="quite other words", form_id=form)

    assert answer.status_code == 409
    assert "quite other words" in answer.text
    assert clinic.message("quite other words") is None


@pytest.mark.parametrize(
    "fault", ["unavailable_after", "drop_after", "unavailable_before", "drop_before", "too_many_requests"]
)
def test_a_carrier_that_stumbles_gets_the_text_once(clinic: Clinic, ana: Browser, fault: str) -> None:
    task = _waiting(clinic)
    clinic.house.control("PUT", "faults", {"pace": 0, fault: 1.0, "drop_callbacks": 1.0})
    ana.post(f"/conversations/{task.conversation_id}/messages", body=f"through {fault}")
    clinic.soon(
        lambda: (
            (text := _outbound(clinic, f"through {fault}"))
            and (text.attempts > 0 and text.state is not OutboundState.SENDING)
        )
    )

    clinic.house.control("PUT", "faults", {"pace": 0})

    clinic.soon(lambda: (text := _outbound(clinic, f"through {fault}")) and text.state is OutboundState.SENT)
    assert len(clinic.at_carrier(f"through {fault}")) == 1


def test_a_blocked_text_is_red_and_can_be_sent_again(clinic: Clinic, ana: Browser) -> None:
    number = builders.a_number()
    task = _waiting(clinic, number)
    clinic.house.control("PUT", f"phones/{number}", {"behaviour": "blocked"})
    path = f"/conversations/{task.conversation_id}/messages"
    ana.post(path, body="see www.example.com")
    thread = f"/inbox/all/c/{task.conversation_id}"
    clinic.soon(lambda: "the carrier blocked the message" in ana.get(thread).text)
    failed = clinic.message("see www.example.com")
    assert failed is not None
    assert "see www.example.com" in ana.get("/inbox/failed").text

    clinic.house.control("PUT", f"phones/{number}", {"behaviour": "delivers"})
    assert ana.post(f"/messages/{failed.id}/resend").status_code == 303

    again = clinic.soon(
        lambda: next((m for m in clinic.messages("see www.example.com") if m.resend_of_id == failed.id), None)
    )
    clinic.soon(lambda: (text := clinic.outbound(again.id)) and text.carrier_status == "delivered")
    assert "see www.example.com" not in ana.get("/inbox/failed").text


def test_an_opt_out_that_only_the_carrier_knew_closes_the_composer(clinic: Clinic, ana: Browser) -> None:
    number = builders.a_number()
    task = _waiting(clinic, number)
    clinic.house.control("PUT", "faults", {"pace": 0, "drop_webhooks": 1.0})
    clinic.text("STOP", from_number=number)

    ana.post(f"/conversations/{task.conversation_id}/messages", body="did you get this")

    thread = f"/inbox/all/c/{task.conversation_id}"
    clinic.soon(lambda: "They can text START to opt back in" in ana.get(thread).text)
    assert clinic.at_carrier("did you get this") == []


class TestStatusCallbacks:
    """Reports on delivery, posted as the carrier posts them."""

    @pytest.fixture
    def sent(self, clinic: Clinic, ana: Browser) -> Message:
        clinic.house.control("PUT", "faults", {"pace": 0, "drop_callbacks": 1.0})
        body = f"reported on {builders.a_sid()}"
        ana.post(f"/conversations/{_waiting(clinic).conversation_id}/messages", body=body)
        clinic.soon(lambda: (text := _outbound(clinic, body)) and text.state is OutboundState.SENT)
        message = clinic.message(body)
        assert message is not None
        return message

    def _report(
        self, clinic: Clinic, message: Message, status: str, *, method: str = "POST", **given: str
    ) -> int:
        text = clinic.outbound(message.id)
        assert text is not None
        account = given.pop("account", cast.ACCOUNT)
        token = cast.CARRIER_TOKEN if account == cast.ACCOUNT else cast.OTHER_CARRIER_TOKEN
        params = {
            "AccountSid": account,
            "MessageSid": text.provider_sid or "",
            "MessageStatus": status,
            **given,
        }
        url = f"{clinic.house.web_url}/webhooks/twilio/status?message={message.id}"
        if method == "GET":
            url = str(httpx.URL(url).copy_merge_params(params))
        signature = RequestValidator(token).compute_signature(url, params if method == "POST" else {})
        headers = {"X-Twilio-Signature": signature}
        data = params if method == "POST" else None
        return httpx.request(method, url, data=data, headers=headers).status_code

    def _status(self, clinic: Clinic, message: Message) -> str | None:
        clinic.session.rollback()
        text = clinic.outbound(message.id)
        return text.carrier_status if text else None

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_a_late_report_never_takes_back_a_delivery(
        self, clinic: Clinic, sent: Message, method: str
    ) -> None:
        for status in ("delivered", "sent", "sending", "delivered"):
            assert self._report(clinic, sent, status, method=method) == 204

        assert self._status(clinic, sent) == "delivered"

    def test_a_status_nobody_has_heard_of_changes_nothing(self, clinic: Clinic, sent: Message) -> None:
        self._report(clinic, sent, "sent")

        assert self._report(clinic, sent, "teleported") == 204

        assert self._status(clinic, sent) == "sent"

    def test_another_practice_cannot_report_on_it(self, clinic: Clinic, sent: Message) -> None:
        answer = self._report(clinic, sent, "failed", account=cast.OTHER_ACCOUNT, ErrorCode="30007")

        assert answer == 204
        assert self._status(clinic, sent) != "failed"

    def test_an_unsigned_report_is_refused(self, clinic: Clinic, sent: Message) -> None:
        url = f"{clinic.house.web_url}/webhooks/twilio/status?message={sent.id}"
        answer = httpx.post(url, data={"AccountSid": cast.ACCOUNT, "MessageSid": builders.a_sid()})

        assert answer.status_code == 403
