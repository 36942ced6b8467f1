"""The outside world: each module translates one service. This one hands out the carrier of a practice."""

from functools import cache

from triage.config import settings
from triage.domain.conversations.carrier import Carrier
from triage.domain.practice.practice import Practice
from triage.kit.secrets import Vault


@cache
def vault() -> Vault:
    """Opens what was sealed with any of the deployment's keys."""
    return Vault(settings().secret_keys)


def carrier_of(practice: Practice) -> Carrier | None:
    """The practice's account at the carrier; None where it has none, or its token cannot be read."""
    if not practice.carrier_account or not practice.carrier_token_sealed:
        return None
    token = vault().open(practice.carrier_token_sealed)
    if token is None:
        return None
    from triage.gateways import twilio  # the SDK takes a quarter of a second: only who sends loads it

    return twilio.account(practice.carrier_account, token, settings().twilio_api_url)
