"""The assignment rules, pure: facts in, members out, and every reason why somebody was passed over."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from triage.domain.inbox.assignment import Candidate, Facts, Rule, Settings, decide, why_not

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
ANA, BEN, EVE = (Candidate(uuid4(), name) for name in ("Ana", "Ben", "Eve"))
BOTH_RULES = Settings(last_sender=True, care_team=True)


def facts(
    *members: Candidate,
    settings: Settings = Settings(),
    last: Candidate | None = None,
    sent_at: datetime | None = NOW - timedelta(days=1),
    team: list[tuple[UUID, bool]] | None = None,
    now: datetime = NOW,
) -> Facts:
    return Facts(
        now=now,
        settings=settings,
        last_sender_id=last.id if last else None,
        last_sent_at=sent_at if last else None,
        care_team=team or [],
        members={member.id: member for member in members},
    )


def test_the_last_sender_gets_it() -> None:
    decision = decide(facts(ANA, last=ANA))

    assert (decision.rule, decision.assignees) == (Rule.LAST_SENDER, (ANA.id,))
    assert decision.tried[0].candidates == ((ANA.id, None),)


def test_nobody_gets_it_where_nobody_has_written() -> None:
    decision = decide(facts())

    assert (decision.rule, decision.assignees) == (None, ())
    assert [tried.outcome for tried in decision.tried] == [
        "nobody has written to this patient",
        "switched off",
    ]


def test_exactly_seven_days_still_count() -> None:
    assert decide(facts(ANA, last=ANA, sent_at=NOW - timedelta(days=7))).assignees == (ANA.id,)


def test_a_moment_more_than_seven_days_does_not_count() -> None:
    decision = decide(facts(ANA, last=ANA, sent_at=NOW - timedelta(days=7, microseconds=1)))

    assert decision.assignees == ()
    assert decision.tried[0].candidates == ((ANA.id, "last wrote more than 7 days ago"),)


@pytest.mark.parametrize("changes_on", [datetime(2026, 3, 8), datetime(2026, 11, 1)])
def test_seven_days_are_as_long_when_the_clocks_change(changes_on: datetime) -> None:
    new_york = ZoneInfo("America/New_York")
    now = (changes_on + timedelta(days=3, hours=9)).replace(tzinfo=new_york).astimezone(UTC)

    kept = decide(facts(ANA, last=ANA, now=now, sent_at=now - timedelta(hours=7 * 24)))
    passed = decide(facts(ANA, last=ANA, now=now, sent_at=now - timedelta(hours=7 * 24, seconds=1)))

    assert (kept.assignees, passed.assignees) == ((ANA.id,), ())


def test_the_window_is_a_setting() -> None:
    settings = Settings(last_sender_within=timedelta(days=2))

    assert decide(facts(ANA, last=ANA, settings=settings, sent_at=NOW - timedelta(days=3))).assignees == ()


def test_a_reply_that_is_newer_than_the_text_counts() -> None:
    assert decide(facts(ANA, last=ANA, sent_at=NOW + timedelta(minutes=1))).assignees == (ANA.id,)


OBJECTIONS: dict[str, tuple[Any, str]] = {
    "is_active": (False, "no longer works here"),
    "may_read": (False, "role may not read messages"),
    "is_at_facility": (False, "works at another facility"),
    "is_in_program": (False, "has no access to the patient's program"),
    "is_away": (True, "away"),
    "is_available": (False, "not available for chat"),
}


@pytest.mark.parametrize("field", OBJECTIONS)
def test_every_objection_passes_a_member_over_and_is_named(field: str) -> None:
    value, sentence = OBJECTIONS[field]
    member = ANA._replace(**{field: value})

    decision = decide(facts(member, last=member, settings=BOTH_RULES, team=[(member.id, True)]))

    assert why_not(member) == sentence
    assert decision.assignees == ()
    assert [tried.candidates for tried in decision.tried] == [((member.id, sentence),)] * 2


def test_a_member_without_objections_is_eligible() -> None:
    assert why_not(ANA) is None


def test_the_care_team_is_off_by_itself() -> None:
    assert decide(facts(ANA, team=[(ANA.id, True)])).assignees == ()


def test_every_eligible_member_of_the_care_team_gets_it_and_the_primary_owns_it() -> None:
    away = EVE._replace(is_away=True)
    team = [(ANA.id, False), (away.id, False), (BEN.id, True)]

    decision = decide(facts(ANA, BEN, away, settings=BOTH_RULES, team=team))

    assert (decision.rule, decision.assignees) == (Rule.CARE_TEAM, (BEN.id, ANA.id))
    assert decision.tried[1].candidates == ((ANA.id, None), (away.id, "away"), (BEN.id, None))


def test_without_an_eligible_primary_the_one_with_the_fewest_open_tasks_owns_it() -> None:
    ana, ben, eve = ANA._replace(open_tasks=3), BEN._replace(is_away=True), EVE._replace(open_tasks=1)
    team = [(ana.id, False), (ben.id, True), (eve.id, False)]

    assert decide(facts(ana, ben, eve, settings=BOTH_RULES, team=team)).assignees == (eve.id, ana.id)


def test_the_last_sender_comes_before_the_care_team() -> None:
    decision = decide(facts(ANA, BEN, last=ANA, settings=BOTH_RULES, team=[(BEN.id, True)]))

    assert (decision.rule, decision.assignees) == (Rule.LAST_SENDER, (ANA.id,))
    assert len(decision.tried) == 1


def test_the_care_team_gets_it_where_the_last_sender_cannot() -> None:
    away = ANA._replace(is_away=True)

    decision = decide(facts(away, BEN, last=away, settings=BOTH_RULES, team=[(BEN.id, True)]))

    assert decision.assignees == (BEN.id,)
    assert [tried.outcome for tried in decision.tried] == ["the last sender is not eligible", "chosen"]


def test_a_switched_off_rule_says_so() -> None:
    decision = decide(facts(ANA, last=ANA, settings=Settings(last_sender=False)))

    assert [tried.outcome for tried in decision.tried] == ["switched off", "switched off"]


def test_the_record_of_a_try_is_plain_data() -> None:
    assert decide(facts(ANA, last=ANA)).tried[0].as_json() == {
        "rule": "last_sender",
        "outcome": "chosen",
        "candidates": [{"member": str(ANA.id), "passed_over": None}],
    }
