"""A patient's text arrives through the carrier, and becomes a task for the right person."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import pytest
from sqlalchemy import func, select, update
from twilio.request_validator import RequestValidator

from tests import builders, cast
from tests.cast import Cast
from tests.stories.clinic import Clinic
from triage.domain.inbox import explaining
from triage.domain.inbox.task import State
from triage.domain.intake.ledger import Inbound, InboundState, Via
from triage.domain.patients.care_team import CareTeamMember
from triage.domain.practice.practice import Practice


def _signed(params: dict[str, str], url: str, token: str = cast.CARRIER_TOKEN) -> str:
    return RequestValidator(token).compute_signature(url, params)


def _params(**given: str) -> dict[str, str]:
    return {
        "MessageSid": builders.a_sid(),
        "AccountSid": cast.ACCOUNT,
        "From": builders.a_number(),
        "To": cast.NORTH_NUMBER,
        "Body": "hello",
        "NumMedia": "0",
        **given,
    }


def test_a_text_from_an_unknown_number_waits_in_the_queue_and_says_why(clinic: Clinic) -> None:
    clinic.text("Do you take new patients?")

    task = clinic.soon(lambda: clinic.task_of("Do you take new patients?"))

    assert task.state is State.PENDING
    why = explaining.explain(clinic.session, task)
    assert why is not None and why.headline == "In the shared queue: no rule found anybody"


def test_a_text_goes_to_the_member_who_wrote_last(clinic: Clinic, people: Cast) -> None:
    number = builders.a_number()
    clinic.text("first question", from_number=number)
    first = clinic.soon(lambda: clinic.task_of("first question"))
    ana = clinic.sign_in("ana")
    answer = ana.post(f"/conversations/{first.conversation_id}/messages", body="first answer")
    assert answer.status_code == 303
    ana.post(
        f"/tasks/{first.id}/completion", version=clinic.soon(lambda: clinic.task_of("first question")).version
    )
    clinic.soon(lambda: (t := clinic.task_of("first question")) and t.state is State.COMPLETED)

    clinic.text("second question", from_number=number)

    second = clinic.soon(lambda: clinic.task_of("second question"))
    assert second.id != first.id
    assert (second.state, second.owner_id) == (State.ASSIGNED, people.ana.id)
    why = explaining.explain(clinic.session, second)
    assert why is not None and why.rule == "last_sender"


def test_a_text_goes_to_the_care_team_where_the_practice_wants_that(clinic: Clinic, people: Cast) -> None:
    clinic.session.execute(
        update(Practice).where(Practice.id == people.practice_id).values(assign_care_team=True)
    )
    clinic.session.add(
        CareTeamMember(
            practice_id=people.practice_id,
            patient_id=people.pat.id,
            member_id=people.ben.id,
            role="Nurse",
            is_primary=True,
        )
    )
    clinic.session.commit()

    clinic.text("care team, please", from_number=cast.PAT_NUMBER)

    task = clinic.soon(lambda: clinic.task_of("care team, please"))
    assert (task.state, task.owner_id) == (State.ASSIGNED, people.ben.id)
    ben = clinic.sign_in("ben")
    assert "care team, please" in ben.get("/inbox/mine").text


def test_a_webhook_that_comes_three_times_is_filed_once(clinic: Clinic) -> None:
    clinic.house.control("PUT", "faults", {"repeat_webhooks": 1.0})

    sid = clinic.text("only once, please")

    clinic.soon(lambda: clinic.task_of("only once, please"))
    repeated = clinic.soon(
        lambda: clinic.session.scalar(
            select(func.count())
            .select_from(Inbound)
            .where(Inbound.provider_sid == sid, Inbound.state == InboundState.DUPLICATE)
        )
    )
    assert repeated >= 1
    assert len(clinic.messages("only once, please")) == 1


def test_texts_of_one_patient_sent_at_once_become_one_task(clinic: Clinic) -> None:
    number = builders.a_number()
    url = f"{clinic.house.web_url}/webhooks/twilio/messages"
    bodies = [f"burst {place}" for place in range(12)]

    def deliver(body: str) -> int:
        params = _params(From=number, Body=body)
        return httpx.post(url, data=params, headers={"X-Twilio-Signature": _signed(params, url)}).status_code

    with ThreadPoolExecutor(12) as pool:
        assert set(pool.map(deliver, reversed(bodies))) == {200}

    tasks = {clinic.soon(partial(clinic.task_of, body)).id for body in bodies}
    assert len(tasks) == 1


@pytest.mark.parametrize("body", ["", "🦊" * 800, "nul\x00inside", "café à la carte ' % ~ ( )", "x" * 1600])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_whatever_a_patient_writes_is_filed(clinic: Clinic, body: str, method: str) -> None:
    params = _params(Body=body, Unheard0f="new parameter")
    url = f"{clinic.house.web_url}/webhooks/twilio/messages"
    if method == "POST":
        answer = httpx.post(url, data=params, headers={"X-Twilio-Signature": _signed(params, url)})
    else:
        full = str(httpx.URL(url, params=params))
        answer = httpx.get(full, headers={"X-Twilio-Signature": _signed({}, full)})

    assert (answer.status_code, answer.text) == (200, "<Response/>")
    row = clinic.soon(
        lambda: clinic.session.scalar(
            select(Inbound).where(
                Inbound.provider_sid == params["MessageSid"], Inbound.state == InboundState.FILED
            )
        )
    )
    assert row.body == body.replace("\x00", "")


@pytest.mark.parametrize("sender", ["72345", "CVSPharm"])
def test_short_codes_and_letters_are_filed_too(clinic: Clinic, sender: str) -> None:
    params = _params(From=sender, Body=f"from {sender}")
    url = f"{clinic.house.web_url}/webhooks/twilio/messages"

    answer = httpx.post(url, data=params, headers={"X-Twilio-Signature": _signed(params, url)})

    assert answer.status_code == 200
    assert clinic.soon(lambda: clinic.task_of(f"from {sender}")).state is State.PENDING


def test_ten_pictures_arrive_with_their_text(clinic: Clinic) -> None:
    pictures = {
        name: value
        for n in range(10)
        for name, value in (
            (f"MediaUrl{n}", f"https://api.twilio.com/{n}"),
            (f"MediaContentType{n}", "image/jpeg"),
        )
    }
    params = _params(Body="ten pictures", NumMedia="10", **pictures)
    url = f"{clinic.house.web_url}/webhooks/twilio/messages"

    assert (
        httpx.post(url, data=params, headers={"X-Twilio-Signature": _signed(params, url)}).status_code == 200
    )

    message = clinic.soon(lambda: clinic.message("ten pictures"))
    assert len(message.media) == 10


@pytest.mark.parametrize(
    "change",
    [
        {"signature": None},
        {"signature": "bm90IGEgc2lnbmF0dXJl"},
        {"token": "another token"},
        {"account": "AC" + "9" * 32},
        {"resplit": True},
    ],
    ids=["unsigned", "nonsense", "other token", "unknown account", "cut elsewhere"],
)
def test_a_forged_call_is_refused_and_makes_no_task(clinic: Clinic, change: dict[str, object]) -> None:
    params = _params(Body=f"forged {builders.a_sid()}")
    body = params["Body"]
    url = f"{clinic.house.web_url}/webhooks/twilio/messages"
    signature = _signed(params, url, str(change.get("token", cast.CARRIER_TOKEN)))
    if "account" in change:
        params["AccountSid"] = str(change["account"])
    if change.get("resplit"):
        params["MessageSid"] += "NumMedia0"
        del params["NumMedia"]
    headers = (
        {}
        if change.get("signature", "") is None
        else {"X-Twilio-Signature": str(change.get("signature") or signature)}
    )

    answer = httpx.post(url, data=params, headers=headers)

    assert answer.status_code == 403
    assert clinic.message(body) is None


def test_a_genuine_looking_call_that_cannot_be_verified_waits_for_an_admin(clinic: Clinic) -> None:
    params = _params(Body="signed with a token that was changed")
    url = f"{clinic.house.web_url}/webhooks/twilio/messages"
    headers = {"X-Twilio-Signature": _signed(params, url, "the token of yesterday")}

    assert httpx.post(url, data=params, headers=headers).status_code == 403

    row = clinic.soon(
        lambda: clinic.session.scalar(select(Inbound).where(Inbound.provider_sid == params["MessageSid"]))
    )
    assert row.state is InboundState.QUARANTINED
    admin = clinic.sign_in("admin")
    assert "signed with a token that was changed" in admin.get("/settings/quarantine").text
    assert clinic.sign_in("dan").get("/settings/quarantine").text.count("token that was changed") == 0


def test_a_practice_cannot_write_into_another_ones_number(clinic: Clinic) -> None:
    params = _params(To=cast.OTHER_NUMBER, Body="into the other practice")
    url = f"{clinic.house.web_url}/webhooks/twilio/messages"

    answer = httpx.post(url, data=params, headers={"X-Twilio-Signature": _signed(params, url)})

    assert answer.status_code == 403
    assert clinic.message("into the other practice") is None


def test_a_text_that_never_reached_us_is_found_at_the_carrier(clinic: Clinic) -> None:
    clinic.house.control("PUT", "faults", {"drop_webhooks": 1.0})

    clinic.text("lost on the way")

    clinic.soon(lambda: clinic.task_of("lost on the way"))
    row = clinic.session.scalars(select(Inbound).where(Inbound.body == "lost on the way")).one()
    assert row.via is Via.RECONCILE


def test_stop_closes_the_composer_and_start_opens_it(clinic: Clinic) -> None:
    number = builders.a_number()
    clinic.text("before stop", from_number=number)
    task = clinic.soon(lambda: clinic.task_of("before stop"))
    ana = clinic.sign_in("ana")
    thread = f"/inbox/unassigned/c/{task.conversation_id}"

    clinic.text("STOP", from_number=number)
    clinic.soon(lambda: "texted STOP" in ana.get(thread).text)
    refused = ana.post(f"/conversations/{task.conversation_id}/messages", body="can you hear me")

    assert refused.status_code == 409
    assert clinic.at_carrier("can you hear me") == []
    clinic.text("START", from_number=number)
    clinic.soon(lambda: "texted STOP" not in ana.get(thread).text)
