"""The JSON shapes of Twilio's API version 2010-04-01."""

import time
from collections.abc import Mapping
from typing import Any

from triage.simulator.journeys import ERRORS
from triage.simulator.store import Row

Resource = dict[str, Any]

VERSION = "2010-04-01"


def account(row: Row) -> Resource:
    uri = f"/{VERSION}/Accounts/{row['sid']}"
    parts = ("calls", "incoming_phone_numbers", "messages")
    return {
        "sid": row["sid"],
        "friendly_name": row["name"],
        "status": "active",
        "type": "Full",
        "auth_token": row["token"],
        "owner_account_sid": row["sid"],
        "date_created": rfc2822(row["created_at"]),
        "date_updated": rfc2822(row["created_at"]),
        "subresource_uris": {part: f"{uri}/{_camel(part)}.json" for part in parts},
        "uri": f"{uri}.json",
    }


def message(row: Row | Mapping[str, Any]) -> Resource:
    uri = f"/{VERSION}/Accounts/{row['account_sid']}/Messages/{row['sid']}"
    return {
        "account_sid": row["account_sid"],
        "api_version": VERSION,
        "body": row["body"],
        "date_created": rfc2822(row["created_at"]),
        "date_sent": rfc2822(row["sent_at"]),
        "date_updated": rfc2822(row["updated_at"]),
        "direction": row["direction"],
        "error_code": row["error_code"],
        "error_message": ERRORS.get(row["error_code"]),
        "from": None if row["status"] in {"accepted", "scheduled"} else row["sender"],
        "messaging_service_sid": row["service_sid"],
        "num_media": str(row["media_count"]),
        "num_segments": str(row["segments"]),
        "price": None,
        "price_unit": "USD",
        "sid": row["sid"],
        "status": row["status"],
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": row["recipient"],
        "uri": f"{uri}.json",
    }


def media(row: Row) -> Resource:
    uri = f"/{VERSION}/Accounts/{row['account_sid']}/Messages/{row['text_sid']}/Media/{row['sid']}.json"
    return {
        "account_sid": row["account_sid"],
        "content_type": row["content_type"],
        "date_created": rfc2822(row["created_at"]),
        "date_updated": rfc2822(row["created_at"]),
        "parent_sid": row["text_sid"],
        "sid": row["sid"],
        "uri": uri,
    }


def number(row: Row) -> Resource:
    uri = f"/{VERSION}/Accounts/{row['account_sid']}/IncomingPhoneNumbers/{row['sid']}.json"
    return {
        "sid": row["sid"],
        "account_sid": row["account_sid"],
        "friendly_name": row["friendly_name"],
        "phone_number": row["number"],
        "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
        "sms_url": row["sms_url"],
        "sms_method": row["sms_method"],
        "sms_fallback_url": row["sms_fallback_url"],
        "sms_fallback_method": row["sms_fallback_method"],
        "sms_application_sid": "",
        "voice_url": row["voice_url"],
        "voice_method": row["voice_method"],
        "voice_fallback_url": "",
        "voice_fallback_method": "POST",
        "voice_application_sid": None,
        "voice_caller_id_lookup": False,
        "voice_receive_mode": "voice",
        "trunk_sid": None,
        "status_callback": row["status_callback"],
        "status_callback_method": row["status_callback_method"],
        "address_requirements": "none",
        "address_sid": None,
        "identity_sid": None,
        "bundle_sid": None,
        "emergency_status": "Inactive",
        "emergency_address_sid": None,
        "emergency_address_status": "unregistered",
        "beta": False,
        "origin": "twilio",
        "status": "in-use",
        "type": "local",
        "api_version": VERSION,
        "date_created": rfc2822(row["created_at"]),
        "date_updated": rfc2822(row["updated_at"]),
        "uri": uri,
    }


def call(row: Row) -> Resource:
    uri = f"/{VERSION}/Accounts/{row['account_sid']}/Calls/{row['sid']}"
    began, ended = row["started_at"], row["ended_at"]
    return {
        "sid": row["sid"],
        "account_sid": row["account_sid"],
        "api_version": VERSION,
        "from": row["caller"],
        "from_formatted": row["caller"],
        "to": row["called"],
        "to_formatted": row["called"],
        "status": row["status"],
        "direction": row["direction"],
        "start_time": rfc2822(began),
        "end_time": rfc2822(ended),
        "duration": str(max(1, round(ended - began))) if began and ended else None,
        "answered_by": None,
        "caller_name": None,
        "forwarded_from": None,
        "group_sid": None,
        "parent_call_sid": None,
        "phone_number_sid": "",
        "price": None,
        "price_unit": "USD",
        "queue_time": "0",
        "trunk_sid": None,
        "date_created": rfc2822(row["created_at"]),
        "date_updated": rfc2822(row["updated_at"]),
        "subresource_uris": {},
        "uri": f"{uri}.json",
    }


def rfc2822(at: float | None) -> str | None:
    """To the second and in GMT, as the carrier writes every time; None stays None."""
    return None if at is None else time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(at))


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
