"""What is sealed opens with any of the keys, for what it is about, and for nothing else."""

import base64
import hashlib

import pytest
from cryptography.fernet import Fernet

from triage.kit.secrets import Vault

OLD, NEW = "the former key of this installation", "the key that is in use at present"


def test_what_is_sealed_opens_again() -> None:
    vault = Vault([NEW])

    assert vault.open(vault.seal("a secret", about="one"), about="one") == "a secret"


def test_it_opens_for_nothing_else() -> None:
    vault = Vault([NEW])

    assert vault.open(vault.seal("a secret", about="one"), about="other") is None
    assert Vault([OLD]).open(vault.seal("a secret")) is None


def test_a_former_key_still_opens_and_the_first_one_seals() -> None:
    both = Vault([NEW, OLD])

    assert both.open(Vault([OLD]).seal("a secret")) == "a secret"
    assert Vault([NEW]).open(both.seal("a secret")) == "a secret"


def test_what_an_earlier_version_sealed_still_opens() -> None:
    key = base64.urlsafe_b64encode(hashlib.sha256(b"triage vault\0" + NEW.encode()).digest())
    sealed = Fernet(key).encrypt(b"a secret").decode()

    assert Vault([NEW]).open(sealed) == "a secret"


def test_the_same_words_are_sealed_differently_each_time() -> None:
    vault = Vault([NEW])

    assert vault.seal("a secret") != vault.seal("a secret")


@pytest.mark.parametrize(
    "spoilt", ["", "g1.", "g1.00000000.AAAA", "g1.{id}.", "g1.{id}.%%%", "no such thing"]
)
def test_what_is_none_of_ours_does_not_open(spoilt: str) -> None:
    vault = Vault([NEW])
    key_id = vault.seal("a secret").split(".")[1]

    assert vault.open(spoilt.replace("{id}", key_id)) is None


def test_a_changed_letter_is_noticed() -> None:
    vault = Vault([NEW])
    sealed = vault.seal("a secret")
    other = "A" if sealed[-5] != "A" else "B"

    assert vault.open(sealed[:-5] + other + sealed[-4:]) is None
