"""Reading the answer to a webhook: nothing, or texts to send back."""

from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree import ElementTree


class BadAnswer(Exception):
    """The answer cannot be used; `code` is the carrier's error number."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Reply:
    body: str
    media: tuple[str, ...] = ()
    to: str | None = None


def read_replies(content_type: str, content: bytes) -> list[Reply]:
    """The texts an answer asks for. Raises BadAnswer: 12100 broken TwiML, 12300 another type of content."""
    if not content.strip():
        return []
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "text/plain":
        return [Reply(content.decode("utf-8", "replace"))]
    if kind not in {"text/xml", "application/xml", "text/html"}:
        raise BadAnswer(12300)
    return [_reply(verb) for verb in _document(content) if verb.tag in {"Message", "Sms"}]


def read_speech(content_type: str, content: bytes) -> str:
    """What a call's TwiML says aloud, for the phone's screen."""
    if "xml" not in content_type:
        raise BadAnswer(12300)
    spoken: Iterable[ElementTree.Element] = _document(content) if content.strip() else ()
    return " ".join("".join(say.itertext()).strip() for verb in spoken for say in verb.iter("Say"))


def _document(content: bytes) -> ElementTree.Element:
    # A document type could define entities that grow without end; TwiML has no use for one.
    if b"<!DOCTYPE" in content:
        raise BadAnswer(12100)
    try:
        document = ElementTree.fromstring(content)
    except ElementTree.ParseError as broken:
        raise BadAnswer(12100) from broken
    if document.tag != "Response":
        raise BadAnswer(12100)
    return document


def _reply(verb: ElementTree.Element) -> Reply:
    body = verb.find("Body")
    text = verb.text if body is None else body.text
    media = tuple((part.text or "").strip() for part in verb.findall("Media"))
    return Reply((text or "").strip(), media, verb.get("to"))
