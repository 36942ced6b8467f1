"""Links in patients' texts stay text; beside them the page offers to open where they really lead."""

import pytest

from triage.web.links import Part, parts


@pytest.mark.parametrize(
    ("body", "url", "host"),
    [
        ("See https://example.com/a?b=1.", "https://example.com/a?b=1", "example.com"),
        ("(www.example.com)", "https://www.example.com", "www.example.com"),
        ("http://bank.example@evil.example/x", "http://bank.example@evil.example/x", "evil.example"),
        ("https://еxample.com", "https://еxample.com", "xn--xample-2of.com"),
        ("HTTPS://EXAMPLE.COM/", "HTTPS://EXAMPLE.COM/", "example.com"),
    ],
)
def test_a_link_says_where_it_leads(body: str, url: str, host: str) -> None:
    (link,) = [part for part in parts(body) if part.host]

    assert (link.url, link.host) == (url, host)
    assert "".join(part.text for part in parts(body)) == body


@pytest.mark.parametrize(
    "body", ["", "Come at nine", "javascript:alert(1)", "https://", "http://[::1", "http://x"]
)
def test_other_words_are_no_link(body: str) -> None:
    assert parts(body) == ([Part(body)] if body else [])


def test_words_around_links_are_kept() -> None:
    body = "a https://one.example, b\nhttps://two.example!"

    assert [part.text for part in parts(body)] == [
        "a ",
        "https://one.example",
        ", b\n",
        "https://two.example",
        "!",
    ]
