"""Under a patient's name stand that patient's messages, however late an answer about another one comes."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests import builders
from tests.stories.clinic import Clinic
from tests.stories.desk import Desk

DeskOf = Callable[..., Desk]


def test_a_late_thread_is_dropped_when_another_conversation_is_open(clinic: Clinic, desk_of: DeskOf) -> None:
    number = builders.a_number()
    clinic.text("First of two", from_number=builders.a_number())
    clinic.text("Second of two", from_number=number)
    clinic.soon(lambda: clinic.task_of("First of two"))
    clinic.soon(lambda: clinic.task_of("Second of two"))
    ana = desk_of("ana").open("/inbox/all")
    ana.row("First of two").click()
    ana.has_opened("First of two")
    ana.row("Second of two").click()
    ana.has_opened("Second of two")

    with ana.held("/thread") as late:
        clinic.text("Second once more", from_number=number)
        late.is_asked_for()
        ana.page.go_back()
        expect(ana.bubble("First of two")).to_be_visible()
        with ana.page.expect_response(lambda answer: "/thread" in answer.url) as answered:
            late.comes()
        answered.value.finished()

    expect(ana.row("Second once more")).to_be_visible()
    expect(ana.bubble("First of two")).to_be_visible()
    expect(ana.bubble("Second once more")).to_have_count(0)


def test_an_answer_for_the_part_on_the_page_is_dropped_when_it_is_of_another_conversation(
    clinic: Clinic, desk_of: DeskOf
) -> None:
    clinic.text("Third of four", from_number=builders.a_number())
    clinic.text("Fourth of four", from_number=builders.a_number())
    clinic.soon(lambda: clinic.task_of("Third of four"))
    clinic.soon(lambda: clinic.task_of("Fourth of four"))
    ana = desk_of("ana").open("/inbox/all")
    ana.row("Third of four").click()
    ana.has_opened("Third of four")
    source = ana.page.locator("#thread").get_attribute("data-source")
    ana.row("Fourth of four").click()
    ana.has_opened("Fourth of four")

    ana.page.evaluate(
        "(source) => htmx.ajax('GET', source, { source: '#thread', target: '#thread', swap: 'outerMorph' })",
        source,
    )

    expect(ana.bubble("Fourth of four")).to_be_visible()
    expect(ana.bubble("Third of four")).to_have_count(0)
