"""The commands of the shell."""

import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.simulator.conftest import ANNEX, FRONT, MARIA, World
from triage.simulator.command import simulate, simulator
from triage.simulator.directory import read_file, write_starter_file


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(simulate, words)
    return result.exit_code, result.output


@pytest.fixture
def data(world: World, tmp_path: Path) -> str:
    (tmp_path / "simulator.json").write_text(json.dumps({"url": world.url}))
    return str(tmp_path)


def test_a_text_is_sent_from_the_shell(world: World, data: str) -> None:
    code, said = run("text", "--data", data, "--from", MARIA, "Can I come at nine?")

    told = world.receiver.wait_for(1)[0].params
    assert code == 0 and said == f"Sent as {told['MessageSid']}.\n"
    assert (told["From"], told["To"], told["Body"]) == (MARIA, FRONT, "Can I come at nine?")


def test_the_shell_can_choose_the_number_and_send_a_photo(world: World, data: str) -> None:
    code, _ = run("text", "--data", data, "--from", "202 555 0123", "--to", ANNEX, "--photo", "look")

    told = world.receiver.wait_for(1)[0].params
    assert code == 0 and told["To"] == ANNEX and told["NumMedia"] == "1"


def test_a_wrong_number_is_explained(data: str) -> None:
    code, said = run("text", "--data", data, "--from", "maria", "hello")

    assert code == 1 and said == "Error: The pretend carrier refused the text: from is not a phone number.\n"


def test_without_a_running_carrier_the_shell_says_so(tmp_path: Path) -> None:
    code, said = run("text", "--data", str(tmp_path), "--from", MARIA, "hello")

    assert code == 1 and said.startswith("Error: No pretend carrier runs on ")


def test_a_carrier_that_has_died_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "simulator.json").write_text('{"url": "http://127.0.0.1:9"}')

    code, said = run("text", "--data", str(tmp_path), "--from", MARIA, "hello")

    assert code == 1 and said.startswith("Error: The pretend carrier does not answer")


def test_a_taken_port_is_said_plainly(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(simulator, ["--port", str(port), "--data", str(tmp_path)])

    assert result.exit_code == 1
    assert result.output == f"Error: Cannot listen on 127.0.0.1:{port}: Address already in use.\n"


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("{", "file"),
        ('{"accounts": [{"sid": "AC1"}]}', "accounts.0.sid"),
        ('{"phones": [{"number": "12"}]}', "phones.0.number"),
        ('{"fones": []}', "fones"),
    ],
)
def test_a_wrong_file_is_said_plainly(tmp_path: Path, content: str, place: str) -> None:
    file = tmp_path / "carrier.json"
    file.write_text(content)

    result = CliRunner().invoke(simulator, ["--data", str(tmp_path)])

    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {file} is not a carrier file: {place}: ")


def test_started_alone_it_makes_a_practice_and_people(tmp_path: Path) -> None:
    file = tmp_path / "new" / "carrier.json"

    write_starter_file(file, "http://localhost:8080/")

    content = read_file(file)
    assert content.accounts[0].sms_url == "http://localhost:8080/webhooks/twilio/messages"
    assert len(content.phones) == 3
    assert file.stat().st_mode & 0o077 == 0
