"""What stands in the carrier file and what was set since."""

from tests.simulator.conftest import ANNEX, FRONT, HARBOR, TOKEN, World
from triage.simulator import directory
from triage.simulator.directory import CarrierFile


def harbor(**more: object) -> CarrierFile:
    account = {
        "sid": HARBOR,
        "token": TOKEN,
        "numbers": [FRONT],
        "sms_url": "http://localhost:8080/sms",
        **more,
    }
    return CarrierFile.model_validate({"accounts": [account]})


def sms_url(world: World) -> str:
    return str(world.client.incoming_phone_numbers.list(phone_number=FRONT)[0].sms_url)


def test_what_was_set_over_the_api_stays_until_the_file_changes(world: World) -> None:
    store = world.running.carrier.store
    directory.install(store, harbor())
    world.set_number(sms_url="http://localhost:9999/set")

    directory.install(store, harbor())
    assert sms_url(world) == "http://localhost:9999/set"

    directory.install(store, harbor(sms_url="http://localhost:8090/sms"))
    assert sms_url(world) == "http://localhost:8090/sms"


def test_a_number_keeps_its_sid(world: World) -> None:
    before = world.client.incoming_phone_numbers.list(phone_number=FRONT)[0].sid

    directory.install(world.running.carrier.store, harbor(name="Harbor Clinic East"))

    after = world.client.incoming_phone_numbers.list(phone_number=FRONT)[0]
    assert (after.sid, after.friendly_name) == (before, "Harbor Clinic East")


def test_a_number_may_differ_from_its_account(world: World) -> None:
    own = {"number": ANNEX, "name": "Annex", "sms_url": "http://localhost/annex", "sms_method": "GET"}

    directory.install(world.running.carrier.store, harbor(numbers=[FRONT, own]))

    front, annex = (
        world.client.incoming_phone_numbers.list(phone_number=number)[0] for number in (FRONT, ANNEX)
    )
    assert (front.sms_url, front.sms_method) == ("http://localhost:8080/sms", "POST")
    assert (annex.friendly_name, annex.sms_url, annex.sms_method) == (
        "Annex",
        "http://localhost/annex",
        "GET",
    )
