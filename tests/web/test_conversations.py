"""Replying, marking unread, the thread as a part, starting anew, and refusals that keep the text."""

import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from sqlalchemy import Update, func, select, update
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import PAT_NUMBER, Cast
from tests.web.conftest import Browser
from triage.domain import audit
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Direction, Message
from triage.domain.inbox import scope
from triage.domain.inbox.task import State
from triage.domain.patients.patient import Patient
from triage.domain.patients.phones import Phone, PhoneUse
from triage.domain.practice.member import Member
from triage.domain.practice.practice import Practice
from triage.domain.practice.privileges import Messages


def sent(session: Session) -> list[str]:
    session.expire_all()
    return list(session.scalars(select(Message.body).where(Message.direction == Direction.OUT)))


def test_ana_replies(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)
    at = f"/inbox/unassigned/c/{task.conversation_id}?task={task.id}"

    part = ana.post_part(f"/conversations/{task.conversation_id}/messages", at=at, body="Nine is fine.").text

    assert sent(session) == ["Nine is fine."]
    assert '<div class="composer" id="composer"' in part
    assert "Nine is fine." in part.partition("#thread")[2]
    assert "Queued" in part


def test_replying_takes_a_waiting_task(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)

    ana.post_part(f"/conversations/{task.conversation_id}/messages", body="Nine is fine.")

    session.expire_all()
    found = scope.task_for_system(session, task.id)
    assert found
    assert found.owner_id == cast.ana.id


def test_a_plain_form_returns_to_its_page(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)
    back = f"/inbox/unassigned/c/{task.conversation_id}"

    answer = ana.post(f"/conversations/{task.conversation_id}/messages", body="Nine is fine.", back=back)

    assert (answer.status_code, answer.location) == (303, back)


def test_send_and_complete_is_one_step(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)

    part = ana.post_part(
        f"/conversations/{task.conversation_id}/messages", body="Nine is fine.", then="complete", task=task.id
    ).text

    session.expire_all()
    found = scope.task_for_system(session, task.id)
    assert found
    assert found.state is State.COMPLETED
    assert "Queued and completed" in part


def test_the_same_form_sent_twice_sends_once(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)
    form = {"body": "Nine is fine.", "form_id": str(uuid4())}

    for _ in range(2):
        assert ana.post_part(f"/conversations/{task.conversation_id}/messages", **form).status_code == 200

    assert sent(session) == ["Nine is fine."]


def test_the_same_form_with_other_words_is_refused_and_keeps_them(
    ana: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast)
    form_id = str(uuid4())
    ana.post_part(f"/conversations/{task.conversation_id}/messages", body="Nine is fine.", form_id=form_id)

    answer = ana.post_part(
        f"/conversations/{task.conversation_id}/messages", body="Ten is better.", form_id=form_id
    )

    assert answer.status_code == 409
    assert "Ten is better.</textarea>" in answer.text
    assert sent(session) == ["Nine is fine."]


def test_a_reply_to_what_was_not_read_is_held_and_can_be_sent_anyway(
    ana: Browser, session: Session, cast: Cast
) -> None:
    number = builders.a_number()
    task = builders.a_task(session, cast=cast, number=number)
    seen = session.scalar(
        select(Message.id).where(Message.conversation_id == task.conversation_id).order_by(Message.at.desc())
    )
    builders.an_inbound(session, cast=cast, number=number, body="Forget it, I am fine")
    address = f"/conversations/{task.conversation_id}/messages"

    refused = ana.post_part(address, body="Come at once.", last_seen_message_id=seen)

    assert refused.status_code == 409
    assert "Come at once.</textarea>" in refused.text
    assert "Send anyway" in refused.text
    assert "Forget it, I am fine" in refused.text
    assert sent(session) == []

    fresh = re.search(r'name="last_seen_message_id" value="([^"]+)"', refused.text)
    assert fresh
    assert ana.post_part(address, body="Come at once.", last_seen_message_id=fresh[1]).status_code == 200
    assert sent(session) == ["Come at once."]


def test_an_empty_reply_is_refused(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)

    answer = ana.post_part(f"/conversations/{task.conversation_id}/messages", body="  ")

    assert answer.status_code == 422
    assert "Write something first." in answer.text


def test_without_javascript_a_refused_reply_keeps_its_text_on_a_page(
    ana: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast)

    answer = ana.post(f"/conversations/{task.conversation_id}/messages", body="x" * 1601)

    assert answer.status_code == 422
    assert "<h1>Not sent</h1>" in answer.text
    assert "x" * 1601 in answer.text


def test_what_was_begun_is_kept_and_shown_to_its_writer(
    ana: Browser, admin: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast)
    address, page = f"/conversations/{task.conversation_id}/draft", f"/inbox/all/c/{task.conversation_id}"

    kept = ana.post(address, body="Nine is", quietly="1").get_json()
    plain = ana.post(address, body="Nine is fi", draft_version=kept["version"], back=page)

    assert kept == {"version": 1, "replaced": None}
    assert (plain.status_code, plain.location) == (303, page)
    assert ana.get(address).get_json() == {"body": "Nine is fi", "version": 2}
    assert "Nine is fi</textarea>" in ana.get(page).text
    assert "Nine is fi" in ana.get("/new-message").text
    assert "Nine is fi" not in admin.get(page).text
    assert 'class="row-draft"' in ana.get("/inbox/all").text
    assert 'class="row-draft"' not in admin.get("/inbox/all").text


def test_words_that_arrive_after_they_were_sent_are_not_kept(
    ana: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast)
    address, form = f"/conversations/{task.conversation_id}", {"form_id": str(uuid4())}
    ana.post_part(f"{address}/messages", body="Nine is fine.", **form)

    late = ana.post(f"{address}/draft", body="Nine is fine.", quietly="1", **form).get_json()

    assert late["version"] == 0
    assert ana.get(f"{address}/draft").get_json()["body"] == ""
    # Had the answer been lost, the page would go on with the form it had: new words are new.
    after = ana.post(f"{address}/draft", body="And bring the card.", quietly="1", **form).get_json()
    assert after["version"] > 0
    assert ana.get(f"{address}/draft").get_json()["body"] == "And bring the card."


def test_who_only_reads_begins_nothing(ben: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, state=State.COMPLETED, assignees=[cast.ben])

    assert ben.post(f"/conversations/{task.conversation_id}/draft", body="I").status_code == 403


def test_automatic_texts_are_folded_into_one_line(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, assignees=[cast.ana])
    for words in ("You are subscribed.", "We are closed."):
        builders.a_reply(session, by=cast.ana, task=task, body=words)
    session.execute(update(Message).where(Message.direction == Direction.OUT).values(is_automatic=True))
    session.commit()

    page = ana.get(f"/inbox/all/c/{task.conversation_id}").text

    assert page.count('class="automatic"') == 1
    assert "Show 2 automatic messages" in page
    assert page.index("You are subscribed.") < page.index("We are closed.")


def test_a_page_that_is_fetched_ahead_reads_nothing(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)
    page = f"/inbox/all/c/{task.conversation_id}"

    ahead = ana.client.get(page, headers={"Sec-Purpose": "prefetch;prerender"})
    head = ana.client.head(page)

    session.expire_all()
    assert (ahead.status_code, head.status_code) == (503, 200)
    assert session.get_one(Conversation, task.conversation_id).unread_since is not None


@pytest.mark.parametrize(
    ("change", "way_out"),
    [
        (update(Phone).values(texting_on=False), "Turn texting on"),
        (update(Phone).values(is_landline=True), "See other numbers"),
        (update(Patient).values(texting_on=False), "Turn texts on"),
        (update(PhoneUse).values(ended_at=func.now()), None),
        (update(Practice).values(texting_on=False), "Open settings"),
    ],
)
def test_a_closed_composer_names_the_way_out(
    change: Update, way_out: str | None, admin: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast, number=PAT_NUMBER)
    session.execute(change)
    session.commit()

    page = admin.get(f"/inbox/all/c/{task.conversation_id}").text
    composer = page.partition('class="composer-off"')[2].partition("</section>")[0]

    assert composer
    assert (f">{way_out}</a>" in composer) if way_out else ("no longer linked" in composer)


def test_texts_to_a_patient_are_switched_on_again(admin: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, number=PAT_NUMBER)
    page = f"/inbox/all/c/{task.conversation_id}"

    admin.post(f"/patients/{cast.pat.id}/texting", on="no")
    closed = admin.get(page).text
    admin.post(f"/patients/{cast.pat.id}/texting", on="yes")

    assert "switched off on the patient&#39;s record" in closed
    assert "<textarea" in admin.get(page).text


def test_after_stop_the_composer_says_why_it_is_closed(ana: Browser, session: Session, cast: Cast) -> None:
    number = builders.a_number()
    task = builders.a_task(session, cast=cast, number=number)
    builders.an_inbound(session, cast=cast, number=number, body="STOP")

    page = ana.get(f"/inbox/unassigned/c/{task.conversation_id}").text

    assert "They can text START to opt back in." in page
    assert "<textarea" not in page


def test_ben_replies_to_what_is_his(ben: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, assignees=[cast.ben])

    assert ben.post_part(f"/conversations/{task.conversation_id}/messages", body="Yes").status_code == 200
    assert sent(session) == ["Yes"]


def test_ben_reads_but_does_not_answer_what_was_his(ben: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, state=State.COMPLETED, assignees=[cast.ben])

    page = ben.get(f"/inbox/mine-all/c/{task.conversation_id}").text
    answer = ben.post_part(f"/conversations/{task.conversation_id}/messages", body="Yes")

    assert "Only somebody who has this task can reply." in page
    assert answer.status_code == 403
    assert sent(session) == []


def test_nobody_else_writes_or_reads(
    ben: Browser, cleo: Browser, dan: Browser, stranger: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast)
    address = f"/conversations/{task.conversation_id}"

    for browser, status in ((ben, 404), (cleo, 403), (dan, 404), (stranger, 401)):
        assert browser.post_part(f"{address}/messages", body="Yes").status_code == status
        assert browser.post_part(f"{address}/unread").status_code == status
        assert browser.part(f"{address}/thread").status_code == status
        assert browser.part(f"{address}/panel").status_code == status
    assert sent(session) == []


def test_who_had_the_task_once_only_reads(ana: Browser, ben: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, assignees=[cast.ben])
    ana.get(f"/inbox/all/c/{task.conversation_id}")
    ana.post_part(f"/tasks/{task.id}/assignees/none")

    answer = ben.post_part(f"/conversations/{task.conversation_id}/unread")

    session.expire_all()
    assert answer.status_code == 403
    assert session.get_one(Conversation, task.conversation_id).unread_since is None


def test_ana_marks_a_conversation_unread(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)
    ana.get(f"/inbox/unassigned/c/{task.conversation_id}")

    ana.post_part(f"/conversations/{task.conversation_id}/unread")

    session.expire_all()
    assert session.get_one(Conversation, task.conversation_id).unread_since is not None


def test_the_thread_comes_with_header_banner_and_composer(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)

    part = ana.part(f"/conversations/{task.conversation_id}/thread", at="/inbox/unassigned").text

    pane = f"#conversation[data-conversation=&#34;{task.conversation_id}&#34;]"
    for target in ("#conversation-head", "#banner", "#composer"):
        assert f'hx-target="{pane} {target}"' in part
    assert "Nobody on record uses this number." in part


def test_earlier_messages_come_in_stretches(ana: Browser, session: Session, cast: Cast) -> None:
    number = builders.a_number()
    task = builders.a_task(session, cast=cast, number=number, body="Text 0")
    for place in range(1, 60):
        builders.an_inbound(session, cast=cast, number=number, body=f"Text {place}")

    full = ana.part(f"/conversations/{task.conversation_id}/thread?full=1", at="/inbox/unassigned").text
    earlier = re.search(r'hx-get="(/conversations/[^"]+before=[^"]+)"', full)
    assert earlier
    before = ana.part(earlier[1].replace("&amp;", "&"), at="/inbox/unassigned").text

    assert "Text 10<" in full
    assert "Text 9<" not in full
    assert "Text 9<" in before
    assert "Text 0<" in before
    assert "Text 10<" not in before


def test_the_panel_shows_the_patient(ana: Browser, session: Session, cast: Cast) -> None:
    row = builders.an_inbound(session, cast=cast)
    task = builders.task_of(session, row)
    assert task

    part = ana.part(f"/conversations/{task.conversation_id}/panel").text

    assert "Pat Porter" in part
    assert "17 May 1980" in part
    assert "Enabled" in part


def test_ana_finds_somebody_to_write_to(ana: Browser, session: Session, cast: Cast) -> None:
    answer = ana.post("/new-message", q="porter")

    assert "Pat Porter" in answer.text
    assert f'value="{cast.pat_phone.id}"' in answer.text
    action = audit.Action.SEARCHED_PATIENTS
    assert session.scalar(select(func.count()).where(audit.Audit.action == action)) == 1


def test_one_letter_is_not_searched_for(ana: Browser) -> None:
    answer = ana.post("/new-message", q="p")

    assert answer.status_code == 422
    assert "Write at least two letters." in answer.text


def test_ana_opens_the_conversation_with_a_patient(ana: Browser, session: Session, cast: Cast) -> None:
    answer = ana.post("/conversations", patient_id=cast.pat.id, phone_id=cast.pat_phone.id)

    assert answer.status_code == 303
    page = ana.get(answer.location).text
    assert "Pat Porter" in page
    assert "No messages yet" in page
    assert PAT_NUMBER not in answer.location


def test_a_number_of_somebody_else_starts_nothing(ana: Browser, session: Session, cast: Cast) -> None:
    phone = builders.a_phone(session, cast=cast)
    session.commit()

    assert ana.post("/conversations", patient_id=cast.pat.id, phone_id=phone.id).status_code == 404


def test_ben_and_cleo_start_no_conversation_and_dan_none_here(
    ben: Browser, cleo: Browser, dan: Browser, cast: Cast
) -> None:
    form = {"patient_id": cast.pat.id, "phone_id": cast.pat_phone.id}

    for browser in (ben, cleo):
        assert browser.get("/new-message").status_code == 403
        assert browser.post("/conversations", **form).status_code == 403
    assert dan.post("/conversations", **form).status_code == 404
    assert "Pat Porter" not in dan.post("/new-message", q="porter").text


def test_one_child_of_a_family_is_whom_the_thread_is_about(
    ana: Browser, ben: Browser, session: Session, cast: Cast
) -> None:
    number = builders.a_number()
    luna = builders.a_patient(session, cast=cast, first_name="Luna", last_name="Moss")
    milo = builders.a_patient(session, cast=cast, first_name="Milo", last_name="Moss")
    maria = builders.a_contact(session, of=[luna, milo], relation="mother")
    for child in (luna, milo):
        phone_id = builders.a_use(session, patient=child, number=number, contact=maria).phone_id
    task = builders.a_task(session, cast=cast, number=number, assignees=[cast.ben])

    started = ana.post("/conversations", patient_id=luna.id, phone_id=phone_id)
    page = ana.get(started.location).text

    assert started.location.endswith(f"?patient={luna.id}")
    assert "<bdi>Luna Moss</bdi></a></h2>" in page
    assert "through mother Maria Moss" in page
    assert f'href="/patients/{luna.id}"' in page.partition('id="panel-slot"')[2]
    part = ana.part(f"/conversations/{task.conversation_id}/thread", at=started.location).text
    assert "<bdi>Luna Moss</bdi></a></h2>" in part
    plain = f"/inbox/all/c/{task.conversation_id}"
    assert "<bdi>Maria Moss</bdi>" in ana.get(plain).text
    assert "<bdi>Maria Moss</bdi>" in ana.get(f"{plain}?patient={cast.pat.id}").text
    assert "<bdi>Maria Moss</bdi>" in ben.get(f"/inbox/mine/c/{task.conversation_id}?patient={luna.id}").text


def test_nobody_writes_from_a_number_beyond_their_reach(
    browser_of: Callable[[Member], Browser], session: Session, cast: Cast
) -> None:
    wall = builders.a_role(session, cast=cast, messages=Messages.ALL, own_facilities_only=True)
    wes = browser_of(builders.a_member(session, cast=cast, role=wall, facilities=[cast.north]))
    patient = builders.a_patient(session, cast=cast)
    phone_id = builders.a_use(session, patient=patient, number=builders.a_number()).phone_id
    session.commit()
    form = {"patient_id": patient.id, "phone_id": phone_id}

    far = wes.post("/conversations", **form, practice_number_id=cast.south_number.id)
    near = wes.post("/conversations", **form, practice_number_id=cast.north_number.id)

    assert (far.status_code, near.status_code) == (404, 303)


ASKS = "Wrong number, please stop texting me"


def test_the_page_asks_whether_a_text_meant_no_more_texts(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, body=ASKS)
    at = f"/inbox/all/c/{task.conversation_id}?task={task.id}"

    page = ana.get(at).text
    assert "“stop texting”: does the patient ask for no more texts?" in page
    assert "Possible opt-out" in ana.get("/inbox/all").text

    part = ana.post_part(f"/conversations/{task.conversation_id}/opt-out", at=at).text
    assert "Opted out. This number gets no more texts." in part
    assert "The patient asked for no more texts" in part
    assert "does the patient ask" not in ana.get(at).text
    assert "Opted out: this number gets no more texts" in ana.get(at).text


def test_a_task_is_not_completed_over_the_question(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, body=ASKS)
    at = f"/inbox/all/c/{task.conversation_id}?task={task.id}"

    refused = ana.post_part(f"/tasks/{task.id}/completion", at=at, version=str(task.version))
    ana.post(f"/conversations/{task.conversation_id}/opt-out/dismissal", until=asked_until(ana, at))
    done = ana.post_part(f"/tasks/{task.id}/completion", at=at, version=str(task.version))

    assert refused.status_code == 409
    assert "may have asked for no more texts" in refused.text
    assert done.status_code == 200


def asked_until(browser: Browser, at: str) -> str:
    found = re.search(r'name="until" value="([^"]+)"', browser.get(at).text)
    assert found
    return found[1]


def test_a_number_that_nobody_knows_is_opted_out_and_in_again(
    ana: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast)
    at, address = (
        f"/inbox/all/c/{task.conversation_id}?task={task.id}",
        f"/conversations/{task.conversation_id}",
    )
    assert "Opt out of texts" in ana.get(at).text

    out = ana.post_part(f"{address}/opt-out", at=at).text
    again = ana.post_part(f"{address}/opt-in", at=at).text

    assert "They can be opted in again" in out
    assert "Opt in again" in out
    assert "Write a text" in again
