"""A member at a browser, without the browser: signs in and sends forms, over HTTP."""

import re
import uuid
from typing import Any

import httpx

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Staff:
    """Signed in at an installation's address; `send` may be repeated with the same form until it is answered."""

    def __init__(self, web_url: str, login: str, password: str) -> None:
        self._client = httpx.Client(base_url=web_url, timeout=10)
        self._login, self._password = login, password
        self._token = ""

    def sign_in(self) -> None:
        """Raises `httpx.HTTPError` or `RuntimeError` where the pages do not let this member in."""
        self._client.cookies.clear()
        token = self._read_token("/sign-in")
        answer = self._client.post(
            "/sign-in", data={"csrf_token": token, "login": self._login, "password": self._password}
        )
        if answer.status_code != 303:
            raise RuntimeError(f"sign-in answered {answer.status_code}")
        self._token = self._read_token("/preferences")

    @property
    def cookie(self) -> str:
        """What this browser sends with every request."""
        return "; ".join(f"{name}={value}" for name, value in self._client.cookies.items())

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self._client.get(path, headers=headers)

    def post(self, path: str, data: dict[str, Any]) -> httpx.Response:
        return self._client.post(path, data={"csrf_token": self._token, **data})

    def _read_token(self, path: str) -> str:
        page = self._client.get(path)
        found = _TOKEN.search(page.text)
        if page.status_code != 200 or not found:
            raise RuntimeError(f"{path} answered {page.status_code}")
        return found[1]

    def close(self) -> None:
        self._client.close()


def new_form_id() -> str:
    return str(uuid.uuid4())
