"""Links in what patients write: text like any other, beside which the page offers to open them."""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

_ADDRESS = re.compile(r"\b(?:https?://|www\.)[^\s<>\"']+", re.IGNORECASE)
# A sentence ends after the link, not in it.
_AFTER = ".,;:!?…)]}»”’'"


class Part(NamedTuple):
    """A stretch of a text. `host` is set where it is a link: where the link leads, letters of other scripts spelled out."""

    text: str
    url: str = ""
    host: str = ""


def parts(body: str) -> list[Part]:
    """The whole of the text, in order."""
    found, at = [], 0
    for match in _ADDRESS.finditer(body):
        shown = match.group().rstrip(_AFTER)
        url = shown if "://" in shown else f"https://{shown}"
        host = _host(url)
        if host:
            end = match.start() + len(shown)
            found += [Part(body[at : match.start()]), Part(shown, url, host)]
            at = end
    return [part for part in (*found, Part(body[at:])) if part.text]


def _host(url: str) -> str:
    """ "" for what leads nowhere."""
    try:
        name = urlsplit(url).hostname or ""
        host = name.encode("idna").decode()
    except ValueError:
        return ""
    return host if "." in host.strip(".") else ""
