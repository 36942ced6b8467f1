"""The one table of commands: what each role finds in it, and that keys and scripts agree with it."""

import re
from collections import Counter

from tests.cast import Cast
from tests.web.conftest import Browser
from triage.kit.paths import STATIC
from triage.web.commands import Command, Place, commands_for

PLACES = [Place("patients", "Patients", "/patients"), Place("settings", "Settings", "/settings")]


def of(cast: Cast, name: str) -> list[Command]:
    return commands_for(getattr(cast, name), PLACES, [], enter_sends=False)


def names(commands: list[Command]) -> set[str]:
    return {command.name for command in commands}


def test_a_key_asks_for_one_thing_only(cast: Cast) -> None:
    keys = Counter(key for command in of(cast, "ana") if not command.told for key in command.keys)

    assert [key for key, count in keys.items() if count > 1] == []


def test_every_command_is_known_to_the_script_and_the_other_way_round(cast: Cast) -> None:
    source = (STATIC / "js" / "keys.js").read_text()
    table = source.partition("COMMANDS = {")[2].partition("\n};")[0]
    known = set(re.findall(r"^  \"?([a-z-]+)\"?[:,]", table, re.MULTILINE))

    assert known == {command.name for command in of(cast, "ana") if not command.told and not command.url}


def test_ben_finds_nothing_that_he_may_not_do(cast: Cast) -> None:
    found = names(of(cast, "ben"))

    assert found.isdisjoint(
        {"assign", "claim", "delete", "reopen", "select", "new", "go-unassigned", "go-all"}
    )
    assert {"complete", "star", "go-mine", "find"} <= found


def test_cleo_finds_only_where_she_can_go(cast: Cast) -> None:
    assert names(of(cast, "cleo")) == {"palette", "nav", "shortcuts", "lock", "go-patients", "go-settings"}


def test_enter_that_sends_is_told_so(cast: Cast) -> None:
    sends = [one for one in commands_for(cast.ana, [], [], enter_sends=True) if one.name == "send"]

    assert sends[0].shown == [["Enter"]]


def test_the_overlay_is_the_table(ana: Browser, ben: Browser, cast: Cast) -> None:
    page = ana.get("/inbox/unassigned").text

    shown = set(re.findall(r'data-command="([^"]+)"', page))
    assert {"complete", "go-unassigned", "set-preferences"} <= shown
    assert shown.isdisjoint({"send"})
    assert 'data-command="delete"' not in ben.get("/inbox/mine").text
