"""The people of the practice: who they are, what they may do, and whether they can sign in."""

from collections.abc import Mapping
from uuid import UUID

from flask import Response, request, url_for
from sqlalchemy.orm import Session

from triage import config, gateways
from triage.domain.access import factors, invitations
from triage.domain.inbox import staffing
from triage.domain.inbox.staffing import Wanted
from triage.domain.practice import member as members_
from triage.domain.practice import practice as practices
from triage.domain.practice import privileges, program, sign_in
from triage.domain.practice.member import Member, find_member
from triage.domain.practice.privileges import Privilege
from triage.kit import clock, db
from triage.kit.errors import Invalid, NotFound
from triage.web import once, seen
from triage.web.auth import current_member, current_session, needs, now_of_request
from triage.web.settings.pages import an_id, ids, is_on, page, saved, settings
from triage.web.settings.places import tasks_returned
from triage.web.settings.security import fresh

LABELS = {
    "name": "Name",
    "login": "Login",
    "email": "E-mail address",
    "role_id": "Role",
    "facility_ids": "Works at",
    "program_ids": "Kept out of these programs",
    "is_active": "Can sign in",
    "is_away": "Away",
}


@settings.get("/settings/members")
@needs(Privilege.MEMBERS)
def members() -> Response:
    with db.reading() as session:
        found = members_.members_of(session, current_member().practice_id)
    able = [member for member in found if member.is_active]
    here = sum(member.password_hash is not None for member in able)
    return page(
        "settings/members.html",
        "members",
        here=here,
        invited=len(able) - here,
        able=able,
        switched_off=[member for member in found if not member.is_active],
        new_url=url_for("settings.new_member"),
    )


@settings.get("/settings/members/new")
@needs(Privilege.MEMBERS)
@fresh
def new_member() -> Response:
    return _page({"name": "", "login": "", "email": "", "role_id": ""}, {}, None)


@settings.post("/settings/members/new")
@needs(Privilege.MEMBERS)
@fresh
def add_member() -> Response:
    links: list[str | None] = []

    def add(session: Session) -> str:
        """Without a password an invitation goes out."""
        by = current_member()
        password = request.form.get("password") or None
        member = staffing.add_member(session, by.practice_id, _wanted(is_new=True), password=password, by=by)
        if password is not None:
            return f"{member.name} can sign in now."
        links.append(invitations.invite(session, member, by=by, post=_post(), now=clock.now(session)))
        return f"{member.name} is invited."

    try:
        said = once.run(add)
    except (Invalid, NotFound) as refusal:
        return _page(_given(), _errors_of(refusal), None, 422)
    return _hand_over(links) or saved(said, "settings.members")


@settings.post("/settings/members/<uuid:member_id>/invitation")
@needs(Privilege.MEMBERS)
@fresh
def invite(member_id: UUID) -> Response:
    links: list[str | None] = []

    def invite(session: Session) -> str:
        by = current_member()
        member = find_member(session, by.practice_id, member_id, lock=True)
        links.append(invitations.invite(session, member, by=by, post=_post(), now=clock.now(session)))
        return f"{member.name} is invited."

    said = once.run(invite)
    return _hand_over(links) or saved(said, "settings.member", member_id=member_id)


@settings.post("/settings/members/<uuid:member_id>/invitation/revocation")
@needs(Privilege.MEMBERS)
def revoke_invitation(member_id: UUID) -> Response:
    def revoke(session: Session) -> str:
        by = current_member()
        member = find_member(session, by.practice_id, member_id, lock=True)
        invitations.revoke(session, member, by=by, now=clock.now(session))
        return f"The invitation of {member.name} is void."

    return saved(once.run(revoke), "settings.member", member_id=member_id)


def _post() -> invitations.Post:
    return invitations.Post(gateways.vault(), config.settings().public_url, config.settings().can_mail)


def _hand_over(links: list[str | None]) -> Response | None:
    """Where no letter carries the link, it is shown this once."""
    link = next(iter(links), None)
    if link is None:
        return None
    return page("settings/hand_over.html", "members", link=link, can_mail=config.settings().can_mail)


@settings.get("/settings/members/<uuid:member_id>")
@needs(Privilege.MEMBERS)
def member(member_id: UUID) -> Response:
    found = _find(member_id)
    with db.reading() as session:
        values = staffing.as_is(session, found)._asdict()
    return _page(values, {}, found)


@settings.post("/settings/members/<uuid:member_id>")
@needs(Privilege.MEMBERS)
def change_member(member_id: UUID) -> Response:
    shown = _find(member_id)

    def change(session: Session) -> str:
        by = current_member()
        member = find_member(session, by.practice_id, member_id, lock=True)
        seen.check(_as_shown(session, member), LABELS)
        wanted = _wanted(is_new=False)
        if wanted.email.strip() != (member.email or "") and not current_session().is_fresh(
            clock.now(session)
        ):
            raise Invalid(
                email="Links that open the account go to this address. Confirm that it is you first."
            )
        returned = staffing.change_member(session, member, wanted, by=by)
        return f"{member.name} saved.{tasks_returned(returned)}"

    try:
        said = once.run(change)
    except (Invalid, NotFound) as refusal:
        return _page(_given(), _errors_of(refusal), shown, 422)
    except seen.Overtaken as refusal:
        return _page(_given(), {}, _find(member_id), 409, overtaken=refusal.changes)
    is_me = member_id == current_member().id
    return saved(said, "settings.home" if is_me else "settings.members")


@settings.post("/settings/members/<uuid:member_id>/password")
@needs(Privilege.MEMBERS)
@fresh
def set_password(member_id: UUID) -> Response:
    shown = _find(member_id)

    def change(session: Session) -> str:
        by = current_member()
        member = find_member(session, by.practice_id, member_id, lock=True)
        staffing.set_password(session, member, request.form.get("password", ""), by=by)
        return f"{member.name} has a new password and is signed out everywhere."

    try:
        said = once.run(change)
    except Invalid as refusal:
        with db.reading() as session:
            values = staffing.as_is(session, shown)._asdict()
        return _page(values, {}, shown, 422, password_errors=once.errors_of(refusal))
    return saved(said, "settings.member", member_id=member_id)


@settings.post("/settings/members/<uuid:member_id>/sign-out")
@needs(Privilege.MEMBERS)
def sign_out_member(member_id: UUID) -> Response:
    def sign_out(session: Session) -> str:
        by = current_member()
        member = find_member(session, by.practice_id, member_id, lock=True)
        staffing.sign_out_everywhere(session, member, by=by)
        return f"{member.name} is signed out everywhere."

    return saved(once.run(sign_out), "settings.member", member_id=member_id)


@settings.post("/settings/members/<uuid:member_id>/second-factor/reset")
@needs(Privilege.MEMBERS)
@fresh
def reset_second_factor(member_id: UUID) -> Response:
    def reset(session: Session) -> str:
        by = current_member()
        member = find_member(session, by.practice_id, member_id, lock=True)
        factors.reset(session, member, by=by, now=clock.now(session))
        return f"{member.name} signs in with the password alone, and is signed out everywhere."

    return saved(once.run(reset), "settings.member", member_id=member_id)


def _find(member_id: UUID) -> Member:
    with db.reading() as session:
        return find_member(session, current_member().practice_id, member_id)


def _wanted(*, is_new: bool) -> Wanted:
    return Wanted(
        login=request.form.get("login", ""),
        name=request.form.get("name", ""),
        role_id=an_id(request.form.get("role_id", "")),
        facility_ids=ids("facility_ids"),
        program_ids=ids("program_ids"),
        is_active=is_new or is_on("is_active"),
        is_away=is_on("is_away"),
        email=request.form.get("email", ""),
    )


def _given() -> dict[str, object]:
    """What was typed, but never a password."""
    return {
        "login": request.form.get("login", ""),
        "email": request.form.get("email", ""),
        "name": request.form.get("name", ""),
        "role_id": request.form.get("role_id", ""),
        "facility_ids": ids("facility_ids"),
        "program_ids": ids("program_ids"),
        "is_active": is_on("is_active"),
        "is_away": is_on("is_away"),
    }


def _as_shown(session: Session, member: Member) -> dict[str, object]:
    """With the names of role, locations and programs: what changed is told in words."""
    now = staffing.as_is(session, member)
    places = practices.facilities_of(session, member.practice_id)
    programs = program.programs_of(session, member.practice_id)
    return {
        "name": now.name,
        "login": now.login,
        "email": now.email or "",
        "role_id": member.role.name,
        "facility_ids": ", ".join(one.name for one in places if one.id in now.facility_ids),
        "program_ids": ", ".join(one.name for one in programs if one.id in now.program_ids),
        "is_active": now.is_active,
        "is_away": now.is_away,
    }


def _errors_of(refusal: Invalid | NotFound) -> dict[str, str]:
    """Inside a member's form only the role can be missing."""
    return once.errors_of(refusal) if isinstance(refusal, Invalid) else {"role_id": "Choose a role."}


def _page(
    values: Mapping[str, object],
    errors: Mapping[str, str],
    member: Member | None,
    status: int = 200,
    *,
    password_errors: Mapping[str, str] | None = None,
    overtaken: list[seen.Overtaking] | None = None,
) -> Response:
    asking = current_member()
    with db.reading() as session:
        roles = privileges.roles_of(session, asking.practice_id)
        facilities = practices.facilities_of(session, asking.practice_id)
        programs = program.programs_of(session, asking.practice_id)
        signed_in = _count_sessions(session, member)
        have = factors.factors_of(session, member) if member else None
        now = clock.now(session)
        invitation = invitations.invitation_of(session, member, now=now) if member else None
        shown = seen.shown(_as_shown(session, member)) if member else None
    return page(
        "settings/member.html",
        "members",
        status,
        values=values,
        errors=errors,
        password_errors=password_errors or {},
        overtaken_by=overtaken or [],
        shown=shown,
        member=member,
        is_me=member is not None and member.id == asking.id,
        is_new=member is None,
        is_fresh=current_session().is_fresh(now_of_request()),
        signed_in=signed_in,
        have=have,
        invitation=invitation,
        can_mail=config.settings().can_mail,
        role_options=[("", "Choose a role"), *((role.id, role.name) for role in roles)],
        facility_options=[(place.id, place.name, "") for place in facilities],
        program_options=[(one.id, one.name, "") for one in programs],
        back_url=url_for("settings.members"),
    )


def _count_sessions(session: Session, member: Member | None) -> int:
    if member is None:
        return 0
    idle_minutes = current_member().practice.idle_minutes
    return sign_in.count_sessions(session, member, now=clock.now(session), idle_minutes=idle_minutes)
