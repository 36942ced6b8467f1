"""What templates may call: ages, days, times in the practice's zone, icons, addresses of static files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Flask, g, request, url_for
from jinja2 import Template
from jinja2.environment import TemplateModule
from jinja2.ext import Extension
from jinja2.runtime import Context
from markupsafe import Markup, escape
from uuid_utils import uuid7

from triage.domain.inbox import marking
from triage.web import links
from triage.web.assets import ICONS, SPRITE, Assets

HUES = 12
NOBODY = UUID(int=0)
COUNT_LIMIT = 999
DIAL_PLAN = re.compile(r"^\+1([2-9]\d\d)(\d{3})(\d{4})$")


def install(app: Flask, assets: Assets) -> None:
    """Hands filters and globals to Jinja. Views set ``g.time_zone`` and ``g.now``; else UTC and the clock."""
    app.jinja_env.template_class = _Template
    icon = _icon_maker(assets)
    app.jinja_env.add_extension(_drawn_ahead(icon))
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        age=age,
        clock_time=clock_time,
        count=count,
        day=day,
        duration=duration,
        full_time=full_time,
        hue=hue,
        iso=iso,
        marked=marking.parts,
        phone=phone,
        short_date=short_date,
        when=when,
        whole=whole,
        with_links=links.parts,
    )
    app.jinja_env.globals.update(
        address_of=address_of,
        asset=assets.url,
        asset_version=assets.version,
        form_id=form_id,
        icon=icon,
        made_at=made_at,
        modules=assets.modules(),
        here=here,
    )


class _Template(Template):
    """Macros are the same for every page: Jinja would compare all names of every page that imports them.

    A list of fifty rows asks for its macros a hundred and fifty times, which took a seventh of its time.
    """

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        return super()._get_default_module()


def duration(span: timedelta) -> str:
    """``18m``, ``2h 04m``, ``3d``; under a minute ``now``."""
    minutes = max(0, int(span.total_seconds() // 60))
    if minutes < 1:
        return "now"
    if minutes < 60:
        return f"{minutes}m"
    hours, rest = divmod(minutes, 60)
    return f"{hours}h {rest:02d}m" if hours < 24 else f"{hours // 24}d"


def age(since: datetime) -> str:
    """How long ago, as ``duration`` says it."""
    return duration(_now() - since)


def clock_time(moment: datetime) -> str:
    """``09:41`` in the practice's zone."""
    return _local(moment).strftime("%H:%M")


def day(moment: datetime | date) -> str:
    """``Today``, ``Yesterday``, ``Tue 25 Nov``, with the year when it is another one."""
    on, today = _day_of(moment), _local(_now()).date()
    if on == today:
        return "Today"
    if on == today - timedelta(days=1):
        return "Yesterday"
    return f"{on:%a} {on.day} {on:%b}" + ("" if on.year == today.year else f" {on.year}")


def when(moment: datetime) -> str:
    """The shortest time that is still clear in a list: ``09:41`` today, else the day."""
    return clock_time(moment) if day(moment) == "Today" else day(moment)


def full_time(moment: datetime) -> str:
    """``Tue 25 Nov 2026, 09:41``."""
    local = _local(moment)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M}"


def short_date(on: datetime | date) -> str:
    """``3 Mar 2026``."""
    on = _day_of(on)
    return f"{on.day} {on:%b %Y}"


def iso(moment: datetime) -> str:
    """The ``datetime`` attribute of a <time>, from which the page keeps ages ticking."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def count(number: int | None) -> str:
    """Nothing for nothing, ``999+`` for many."""
    if not number:
        return ""
    return str(number) if number <= COUNT_LIMIT else f"{COUNT_LIMIT}+"


def whole(number: int) -> str:
    """12,345: every digit, where `count` would say 999+."""
    return f"{number:,}"


def hue(identity: UUID | str) -> str:
    """The class of an avatar's colour, the same for the same identity on every page."""
    return f"h{hashlib.sha256(str(identity).encode()).digest()[0] % HUES}"


def phone(number: str) -> str:
    """``(202) 555-0123`` for a number of the North American plan, anything else as it is."""
    found = DIAL_PLAN.match(number or "")
    return f"({found[1]}) {found[2]}-{found[3]}" if found else number


def form_id() -> str:
    """A fresh id for one rendering of one form: sending it twice does a thing once."""
    return str(uuid7())


def made_at() -> int:
    """When this page is made, in milliseconds: what happens later it has to be told."""
    return int(_now().timestamp() * 1000)


def here() -> str:
    """The local address of the page that the browser shows, for the ``back`` field of a plain form."""
    shown = urlsplit(request.headers.get("HX-Current-URL", request.full_path))
    return f"{shown.path}?{shown.query}".rstrip("?")


def address_of(
    endpoint: str, name: str, id_: UUID, query: Mapping[str, object] | None = None, **path: str
) -> str:
    """As ``url_for``, for the rows of a list: their addresses differ in one id alone, and are built once."""
    before, after = _around_id(endpoint, name, **path)
    return f"{before}{id_}{after}" + (f"?{urlencode(query)}" if query else "")


@cache
def _around_id(endpoint: str, name: str, **path: str) -> tuple[str, str]:
    given: dict[str, Any] = {**path, name: NOBODY}
    before, _, after = url_for(endpoint, **given).partition(str(NOBODY))
    return before, after


def _icon_maker(assets: Assets):  # type: ignore[no-untyped-def]  # the closure's own annotations say it
    source = assets.url(SPRITE)

    @cache
    def icon(name: str, classes: str = "") -> Markup:
        """A drawing without a meaning of its own: the word beside it, or the button's label, says it."""
        if name not in ICONS:
            raise KeyError(f"add {name} to ICONS in triage/web/assets.py")
        css = escape(f"icon {classes}".strip())
        return Markup(f'<svg class="{css}" aria-hidden="true"><use href="{source}#{name}"></use></svg>')

    return icon


# An icon of a fixed name, as templates ask for it where nothing else stands between the braces.
FIXED_ICON = re.compile(r'\{\{ icon\("([a-z-]+)"(?:, "([a-z -]*)")?\) \}\}')


def _drawn_ahead(icon: Callable[[str, str], Markup]) -> type[Extension]:
    """Most icons have a fixed name: they are drawn when a template is loaded, not again for each of its rows."""

    class DrawnAhead(Extension):
        def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
            return FIXED_ICON.sub(lambda found: str(icon(found[1], found[2] or "")), source)

    return DrawnAhead


def _now() -> datetime:
    moment: datetime = g.get("now") or datetime.now(UTC)
    return moment


def _local(moment: datetime) -> datetime:
    return moment.astimezone(ZoneInfo(g.get("time_zone") or "UTC"))


def _day_of(moment: datetime | date) -> date:
    return _local(moment).date() if isinstance(moment, datetime) else moment
