"""What stands around every signed-in page: practice, member, folders with counts, links."""

from functools import lru_cache, partial
from typing import cast

from flask import Flask, g, render_template, url_for
from flask_login import current_user
from markupsafe import Markup
from werkzeug.local import LocalProxy

from triage.config import settings
from triage.domain.inbox import folders
from triage.domain.inbox.filters import Filters
from triage.domain.inbox.folders import Counts, Slug
from triage.domain.practice.member import Member, Notice
from triage.domain.practice.privileges import Messages, Privilege
from triage.kit import db
from triage.web import filtering
from triage.web.auth import current_member, now_of_request
from triage.web.commands import Command, Place, commands_for
from triage.web.render import NavLink, Shell
from triage.web.settings import pages


def install(app: Flask) -> None:
    @app.context_processor
    def shell_of_member() -> dict[str, object]:
        return {"shell": LocalProxy(_shell)} if current_user.is_authenticated else {}

    app.jinja_env.globals["shortcuts"] = _shortcuts


@lru_cache(maxsize=64)
def _shortcuts(commands: tuple[Command, ...], has_single_keys: bool) -> Markup:
    """The dialog of all commands. It follows from these alone, so it is drawn once for all who have the same."""
    drawn = render_template("layouts/_shortcuts.html", commands=commands, has_single_keys=has_single_keys)
    return Markup(drawn)


def forget() -> None:
    """Count again: something moved since the shell was drawn in this request."""
    g.pop("shell", None)


def counts_of_page() -> Counts:
    """The numbers of the navigation, as the page that is being made shows them."""
    return cast(Counts, _shell().counts)


def _shell() -> Shell:
    if "shell" not in g:
        g.shell = _build(current_member())
    shell: Shell = g.shell
    return shell


def _build(member: Member) -> Shell:
    with db.statements() as session:
        filters = Filters(facility_id=filtering.location_of_page())
        counts = folders.counts(session, member, now=now_of_request(), filters=filters)
    links = _links(member)
    return Shell(
        practice_name=member.practice.name,
        practice_kind=member.practice.kind.value,
        member=member.brief,
        member_id=str(member.id),
        login=member.login,
        role_name=member.role.name,
        counts=counts,
        query=filtering.of_page(),
        links=tuple(links),
        commands_of=partial(_commands, member, links),
        theme=member.theme.value,
        density=member.density.value,
        has_single_keys=member.single_keys,
        enter_sends=member.enter_sends,
        notify_sound=(Notice.NONE if member.is_away else member.notify_sound).value,
        notify_popup=(Notice.NONE if member.is_away else member.notify_popup).value,
        reminders=_reminders(member, counts),
        notify_tune=member.notify_tune.value,
        notify_verification=member.notify_verification.value,
        quiet=_quiet(member),
        is_away=member.is_away,
        idle_minutes=member.practice.idle_minutes,
        lock_minutes=member.practice.lock_minutes,
        may_find_patients=_may_find_patients(member),
        masks_birth_dates=member.role.birth_dates_masked,
        is_demo=settings().environment == "demo",
    )


def _reminders(member: Member, counts: Counts) -> NavLink | None:
    """To what the member was reminded of and has not opened, in the list that their setting means."""
    if not counts.reminded:
        return None
    wishes = {member.notify_sound, member.notify_popup}
    slug = Slug.ALL if Notice.ALL in wishes else Slug.MY_PATIENTS if Notice.PATIENTS in wishes else Slug.MINE
    folder = slug if slug in folders.slugs_for(member) else Slug.MINE
    address = url_for("inbox.folder", folder=folder.value, unread=1, sort="oldest")
    return NavLink("reminders", "Unread for a day", "bell-ring", address)


def _quiet(member: Member) -> str:
    if member.quiet_from is None or member.quiet_until is None:
        return ""
    return f"{member.quiet_from:%H:%M}-{member.quiet_until:%H:%M}"


def _commands(member: Member, links: list[NavLink]) -> tuple[Command, ...]:
    places = [Place(one.slug, one.name, one.url, one.is_external) for one in links]
    sections = [Place(one.slug, one.name, one.url) for one in pages.links(member)]
    return tuple(commands_for(member, places, sections, enter_sends=member.enter_sends))


def _may_find_patients(member: Member) -> bool:
    return member.messages is Messages.ALL or member.may(Privilege.PATIENTS)


def _links(member: Member) -> list[NavLink]:
    """Only what the role can open."""
    links = []
    if _may_find_patients(member):
        links.append(NavLink("patients", "Patients", "contact", url_for("patients.search")))
    if settings().simulator_url:
        links.append(
            NavLink("phones", "Phone simulator", "smartphone", settings().simulator_url, is_external=True)
        )
    if member.may(Privilege.SETTINGS) or member.may(Privilege.MEMBERS):
        links.append(NavLink("settings", "Settings", "settings", url_for("settings.home")))
    return links
