"""The carrier's error answers, by number."""

from dataclasses import dataclass


@dataclass
class Refusal(Exception):
    """`code` is the carrier's number for it, `status` the HTTP status."""

    code: int
    message: str
    status: int = 400
    retry_after: int | None = None

    def body(self) -> dict[str, str | int]:
        return {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }


def unauthorized() -> Refusal:
    return Refusal(20003, "Authenticate", 401)


def not_found(path: str) -> Refusal:
    return Refusal(20404, f"The requested resource {path} was not found", 404)


def too_many_requests() -> Refusal:
    return Refusal(20429, "Too Many Requests", 429, retry_after=1)


def unavailable() -> Refusal:
    return Refusal(20503, "Service is unavailable. Please try again", 503)


def unsubscribed() -> Refusal:
    return Refusal(21610, "Attempt to send to unsubscribed recipient")
