"""THE POLICY: what everybody gets at every address. A route that is missing here fails the role matrix.

People stand in the rows. The columns are whose the thing behind the address is, seen by the one who asks: their
own, assigned to somebody else, assigned to nobody, of another site of the practice, of another practice.

    ok    done, or shown
    in    asked to sign in
    no    the role does not allow it (403)
    404   it does not exist for them
    409   it exists, and cannot be done to it as it is
    422   the form is not right
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

# Wes works at the north site, behind a wall; Sue is a supervisor; the others are the cast.
PEOPLE = ("stranger", "ana", "ben", "cleo", "admin", "sue", "wes", "dan")

Grid = Mapping[tuple[str, str], str]


def _grid(table: str) -> Grid:
    """(person, column) -> what they get."""
    head, *rows = [line.split() for line in table.strip().splitlines()]
    assert tuple(row[0] for row in rows) == PEOPLE, "every person has a row, in this order"
    return {(row[0], column): word for row in rows for column, word in zip(head, row[1:], strict=True)}


EVERYBODY = _grid(
    """
              any
    stranger  ok
    ana       ok
    ben       ok
    cleo      ok
    admin     ok
    sue       ok
    wes       ok
    dan       ok
    """
)
NOT_READY = dict.fromkeys(EVERYBODY, "503")
ONLY_THE_CARRIER = dict.fromkeys(EVERYBODY, "no")
SIGNED_IN = {**EVERYBODY, ("stranger", "any"): "in"}
BACK_TO_SIGN_IN = dict.fromkeys(EVERYBODY, "in")
NOT_THERE = dict.fromkeys(EVERYBODY, "404")
NOT_RIGHT = dict.fromkeys(EVERYBODY, "422")
NOT_RIGHT_INSIDE = {**NOT_RIGHT, ("stranger", "any"): "in"}
NOT_POSSIBLE = {**dict.fromkeys(EVERYBODY, "409"), ("stranger", "any"): "in"}
READERS = {**SIGNED_IN, ("cleo", "any"): "no"}
WRITERS = {**READERS, ("ben", "any"): "no"}
DIRECTORY = {**SIGNED_IN, ("ben", "any"): "404", ("cleo", "any"): "404"}

FOLDERS = _grid(
    """
              unassigned  mine  my-patients  all  overdue  mine-all  starred  completed  sent  deleted  failed  nonsense
    stranger  in          in    in           in   in       in        in       in         in    in       in      in
    ana       ok          ok    ok           ok   ok       ok        ok       ok         ok    ok       ok      404
    ben       404         ok    404          404  404      ok        ok       404        ok    404      404     404
    cleo      no          no    no           no   no       no        no       no         no    no       no      no
    admin     ok          ok    ok           ok   ok       ok        ok       ok         ok    ok       ok      404
    sue       ok          ok    ok           ok   ok       ok        ok       ok         ok    ok       ok      404
    wes       ok          ok    ok           ok   ok       ok        ok       ok         ok    ok       ok      404
    dan       ok          ok    ok           ok   ok       ok        ok       ok         ok    ok       ok      404
    """
)

# Looking at a task, its conversation or its messages; working on what one may see.
SEE = _grid(
    """
              own  others  nobodys  far  foreign
    stranger  in   in      in       in   in
    ana       ok   ok      ok       ok   404
    ben       ok   404     404      404  404
    cleo      no   no      no       no   no
    admin     ok   ok      ok       ok   404
    sue       ok   ok      ok       ok   404
    wes       ok   ok      ok       404  404
    dan       ok   404     404      404  404
    """
)
# Moves that only those make who see all messages.
MOVE = {**SEE, ("ben", "own"): "no"}
# What nobody has cannot be taken back.
UNASSIGN = {**MOVE, **{(person, "nobodys"): "409" for person in ("ana", "admin", "sue", "wes")}}
UNASSIGN |= {(person, "far"): "409" for person in ("ana", "admin", "sue")}
# Nobody lets go of what is not theirs.
RELEASE = {
    **MOVE,
    **{
        (person, column): "409"
        for person in ("ana", "admin", "sue", "wes")
        for column in ("others", "nobodys", "far")
        if (person, column) != ("wes", "far")
    },
}
# Only one's own last move.
# Of these conversations nobody has asked for no more texts.
DECIDE = {cell: "409" if word == "ok" else word for cell, word in SEE.items()}
UNDO = {cell: "404" if word == "ok" and cell[1] != "own" else word for cell, word in SEE.items()}
CHOSEN = {**READERS, ("ben", "any"): "no"}
VIEWS = {
    (who, folder): "no" if who == "ben" else "409" if word == "ok" and folder != "unassigned" else word
    for (who, folder), word in FOLDERS.items()
}
CHOOSE = {cell: "no" if cell[0] == "ben" else word for cell, word in SEE.items()}

PATIENTS = _grid(
    """
              own  others  nobodys  far  foreign
    stranger  in   in      in       in   in
    ana       ok   ok      ok       ok   404
    ben       404  404     404      404  404
    cleo      404  404     404      404  404
    admin     ok   ok      ok       ok   404
    sue       ok   ok      ok       ok   404
    wes       ok   ok      ok       404  404
    dan       ok   404     404      404  404
    """
)
# One of two ids of an address belongs to somebody else.
NUMBERS_OF_PATIENTS = {
    **PATIENTS,
    **{
        (person, column): "in" if person == "stranger" else "404"
        for person in PEOPLE
        for column in ("own/others", "own/foreign", "foreign/own")
    },
}

# Keeping records needs the privilege; the second id may be of another record, which is then not on this one.
KEEP = {(who, column): "no" if who in ("ben", "cleo") else word for (who, column), word in PATIENTS.items()}
KEEP_PARTS = {
    (who, column): "no" if who in ("ben", "cleo") else word
    for (who, column), word in NUMBERS_OF_PATIENTS.items()
}
# Two records of one practice, of which the member must see both.
BOTH = {
    **KEEP,
    **{(who, "own/foreign"): KEEP_PARTS[who, "own/foreign"] for who in PEOPLE},
    **{(who, "own/far"): "404" if who == "dan" else KEEP[who, "far"] for who in PEOPLE},
}
KEEPERS = {(who, "any"): word for (who, column), word in KEEP.items() if column == "own"}
# Who sees a patient beside a conversation may ask for the birth date too.
BORN = {**PATIENTS, ("ben", "own"): "ok"}
BORN_OF_CONTACTS = {**NUMBERS_OF_PATIENTS, ("ben", "own"): "ok"}
LOG = {**PATIENTS, **{("cleo", column): "no" for column in ("own", "others", "nobodys", "far", "foreign")}}
TRAIL = {
    (who, column): word if who in ("stranger", "admin", "dan") else "no"
    for (who, column), word in PATIENTS.items()
}

# Of two ids of an address, the patient's and the member's; whoever is in the team of the first is not in another's.
PLACES_IN_TEAMS = {
    **KEEP,
    **{
        (person, column): "in" if person == "stranger" else "no" if person in ("ben", "cleo") else "404"
        for person in PEOPLE
        for column in ("own/foreign", "foreign/own")
    },
}
NOT_ASKED = {cell: "409" if word == "ok" else word for cell, word in NUMBERS_OF_PATIENTS.items()}

# A file of patients: of the whole practice, so for nobody who stands behind a wall.
IMPORTS = _grid(
    """
              own  foreign
    stranger  in   in
    ana       ok   404
    ben       no   no
    cleo      no   no
    admin     ok   404
    sue       ok   404
    wes       no   no
    dan       ok   404
    """
)
IMPORTERS = {(person, "any"): word for (person, column), word in IMPORTS.items() if column == "own"}
# It waits for its columns: there is nothing to start, to stop or to undo.
NOT_YET = {cell: "409" if word == "ok" else word for cell, word in IMPORTS.items()}
NO_FILE = {cell: "422" if word == "ok" else word for cell, word in IMPORTERS.items()}

# What belongs to nobody but oneself: how one signs in, and where one is signed in. Cleo has none of it.
MY_OWN = _grid(
    """
              own  others  foreign
    stranger  in   in      in
    ana       ok   404     404
    ben       ok   404     404
    cleo      404  404     404
    admin     ok   404     404
    sue       ok   404     404
    wes       ok   404     404
    dan       ok   404     404
    """
)

# What belongs to a practice, and those who may change it.
ADMINISTERED = _grid(
    """
              own  foreign
    stranger  in   in
    ana       no   no
    ben       no   no
    cleo      no   no
    admin     ok   404
    sue       no   no
    wes       no   no
    dan       ok   404
    """
)
# The role that is there has members.
IN_USE = {cell: "409" if word == "ok" else word for cell, word in ADMINISTERED.items()}
ADMINISTRATION = {(person, "any"): word for (person, column), word in ADMINISTERED.items() if column == "own"}


@dataclass(frozen=True)
class Entry:
    """One address and method.

    `form` is a form that is right; `{name}` stands for an id of the thing at hand. `also_reads` names fields that
    the form may leave out. `foreign` says what comes of an id of another practice in a field of the form or
    the query. `writes` names the tables that looking may change.
    """

    grid: Grid
    form: Mapping[str, str | list[str]] = field(default_factory=dict)
    also_reads: Set[str] = frozenset()
    foreign: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    writes: Set[str] = frozenset()
    is_exempt: bool = False


NOTE = frozenset({"audit"})
TRIES = frozenset({"throttle"})
FIELDS_OF_A_MEMBER: dict[str, str | list[str]] = {
    "name": "Nora New",
    "login": "nora.{word}",
    "email": "nora.{word}@clinic.example",
    "role_id": "{role_id}",
    "facility_ids": ["{facility_id}"],
    "program_ids": ["{program_id}"],
}
IDS_OF_A_MEMBER = {"role_id": "422", "facility_ids": "422", "program_ids": "422"}
FIELDS_OF_A_PRACTICE: dict[str, str | list[str]] = {
    "name": "Elm Street Clinic",
    "time_zone": "Europe/Berlin",
    "overdue_after_minutes": "60",
    "idle_minutes": "10",
    "hold_seconds": "10",
    "texting_on": "yes",
}
FIELDS_OF_A_PATIENT: dict[str, str | list[str]] = {
    "first_name": "Nora",
    "last_name": "New",
    "born_on": "1984-03-12",
    "sex": "female",
    "language": "es",
    "time_zone": "America/Denver",
    "prefers": "phone",
    "facility_id": "{facility_id}",
    "chart_number": "C-{word}",
    "alerts": "Hard of hearing",
}
NOT_OF_EVERY_PATIENT = {"number", "owner", "species", "forget_born_on"}
FIELDS_OF_A_CONTACT: dict[str, str | list[str]] = {
    "name": "Cora New",
    "relation": "guardian",
    "language": "es",
    "born_on": "1950-03-12",
    "number": "(202) 555-0178",
}
CHOICES_OF_A_MERGE = {f"take_{name}" for name in ("born_on", "sex", "language", "prefers", "facility")}
FIELDS_OF_PREFERENCES: dict[str, str | list[str]] = {
    "theme": "dark",
    "density": "compact",
    "notify_sound": "all",
    "notify_popup": "all",
    "notify_tune": "drop",
    "notify_verification": "all",
}

POLICY: dict[tuple[str, str], Entry] = {
    # ---- for everybody, and for the carrier
    ("static", "GET"): Entry(EVERYBODY),
    ("health.healthz", "GET"): Entry(EVERYBODY),
    ("health.readyz", "GET"): Entry(NOT_READY),
    ("installed.manifest", "GET"): Entry(EVERYBODY),
    ("installed.worker", "GET"): Entry(EVERYBODY),
    ("installed.offline", "GET"): Entry(EVERYBODY),
    ("auth.sign_in_page", "GET"): Entry(EVERYBODY),
    ("auth.sign_in", "POST"): Entry(
        EVERYBODY, form={"login": "{login}", "password": "{password}", "next": ""}
    ),
    # Nobody has given a password here: back to the first step.
    ("auth.code_page", "GET"): Entry(BACK_TO_SIGN_IN),
    ("auth.code", "POST"): Entry(BACK_TO_SIGN_IN, form={"code": "123456", "next": ""}),
    ("auth.again", "GET"): Entry(EVERYBODY),
    # It does not say whose page it is over.
    ("auth.again_now", "POST"): Entry(
        NOT_RIGHT,
        form={"login": "{login}", "password": "{password}"},
        also_reads={"member_id"},
        writes=TRIES,
    ),
    ("auth.again_code", "POST"): Entry(EVERYBODY, form={"code": "123456"}, also_reads={"member_id"}),
    ("auth.passkey_question", "POST"): Entry(EVERYBODY),
    ("auth.passkey", "POST"): Entry(NOT_RIGHT, form={"answer": "{{}}", "next": "", "member_id": ""}),
    # A link that opens nothing.
    ("auth.invitation", "GET"): Entry(NOT_THERE),
    ("auth.accept", "POST"): Entry(NOT_THERE, form={"password": "a password that is new"}),
    ("auth.ask_reset_page", "GET"): Entry(EVERYBODY),
    ("auth.ask_reset", "POST"): Entry(EVERYBODY, form={"login": "{login}"}),
    ("auth.reset_page", "GET"): Entry(NOT_THERE),
    ("auth.reset", "POST"): Entry(NOT_THERE, form={"password": "a password that is new"}),
    # There are practices.
    ("auth.set_up_page", "GET"): Entry(NOT_THERE),
    ("auth.set_up", "POST"): Entry(NOT_THERE, form={"code": "2345", "practice": "Ours"}),
    ("webhooks.messages", "GET"): Entry(ONLY_THE_CARRIER, writes={"stray_call"}),
    ("webhooks.messages", "POST"): Entry(ONLY_THE_CARRIER, writes={"stray_call"}, is_exempt=True),
    ("webhooks.status", "GET"): Entry(ONLY_THE_CARRIER),
    ("webhooks.status", "POST"): Entry(ONLY_THE_CARRIER, is_exempt=True),
    ("demo.show", "GET"): Entry(EVERYBODY),
    # ---- the inbox
    ("inbox.home", "GET"): Entry(SIGNED_IN),
    ("inbox.folder", "GET"): Entry(FOLDERS, query={"loc": "{facility_id}"}, foreign={"loc": "ok"}),
    ("inbox.rows", "GET"): Entry(FOLDERS, query={"loc": "{facility_id}"}, foreign={"loc": "ok"}),
    ("inbox.choose_filters", "GET"): Entry(FOLDERS),
    ("inbox.search", "POST"): Entry(FOLDERS, form={"q": "canary"}),
    ("inbox.row", "GET"): Entry(SEE),
    ("inbox.counts", "GET"): Entry(READERS),
    ("inbox.conversation", "GET"): Entry(
        SEE,
        query={"task": "{task_id}"},
        foreign={"task": "404"},
        # Reading is noted, and what was read by one is read by all.
        writes={"audit", "conversation", "member_reading"},
    ),
    ("live.stream", "GET"): Entry(READERS),
    ("live.since", "GET"): Entry(READERS),
    # ---- tasks
    ("tasks.choose_assignees", "GET"): Entry(CHOOSE),
    ("tasks.assign", "POST"): Entry(
        MOVE, form={"version": "", "member_ids": ["{colleague_id}"]}, foreign={"member_ids": "404"}
    ),
    ("tasks.unassign", "POST"): Entry(UNASSIGN, also_reads={"version"}),
    ("tasks.claim", "POST"): Entry(MOVE, also_reads={"version"}),
    ("tasks.release", "POST"): Entry(RELEASE, also_reads={"version"}),
    ("tasks.complete", "POST"): Entry(SEE, also_reads={"version"}),
    ("tasks.delete", "POST"): Entry(MOVE, also_reads={"version"}),
    ("tasks.reopen", "POST"): Entry(MOVE, also_reads={"version"}),
    ("tasks.undo", "POST"): Entry(UNDO),
    ("tasks.why", "GET"): Entry(SEE),
    # ---- several at once
    # Nothing is chosen; ids in its query are only handed on to the form.
    ("selection.choose_assignees", "GET"): Entry(
        {cell: "422" if word == "ok" else word for cell, word in CHOSEN.items()}
    ),
    # Nobody's page: what it shows is the first folder.
    ("selection.choose_view", "GET"): Entry(VIEWS),
    ("selection.assign", "POST"): Entry(
        CHOSEN,
        form={"tasks": ["{task_id}"], "member_ids": ["{colleague_id}"]},
        foreign={"tasks": "404", "member_ids": "404"},
    ),
    **{
        (f"selection.{verb}", "POST"): Entry(CHOSEN, form={"tasks": ["{task_id}"]}, foreign={"tasks": "404"})
        for verb in ("claim", "complete", "delete", "reopen", "star", "unstar", "mark_unread", "mark_read")
    },
    # ---- messages and conversations
    ("messages.star", "POST"): Entry(SEE),
    ("messages.unstar", "POST"): Entry(SEE),
    ("messages.mark_unread", "POST"): Entry(SEE),
    ("messages.resend", "POST"): Entry(SEE),
    ("messages.dismiss", "POST"): Entry(SEE),
    ("messages.withdraw", "POST"): Entry(UNDO),
    ("conversations.send", "POST"): Entry(
        SEE,
        form={
            "body": "Nine is fine.",
            "then": "complete",
            "task": "{task_id}",
            "last_seen_message_id": "{newest_message_id}",
        },
        foreign={"task": "404", "last_seen_message_id": "409"},
        also_reads={"version", "folder"},
    ),
    ("presence.everybody", "GET"): Entry(READERS),
    ("presence.note", "POST"): Entry(SEE, also_reads={"window", "doing"}),
    ("drafts.draft", "GET"): Entry(SEE),
    ("drafts.save", "POST"): Entry(SEE, form={"body": "Nine is"}, also_reads={"draft_version", "quietly"}),
    ("conversations.mark_unread", "POST"): Entry(SEE, also_reads={"task", "version"}),
    ("conversations.opt_out", "POST"): Entry(SEE),
    ("conversations.opt_in", "POST"): Entry(SEE),
    ("conversations.dismiss_opt_out", "POST"): Entry(DECIDE, also_reads={"until"}),
    # It does not say who is asked; the practices ask nobody, so there is no form that is right.
    ("conversations.ask_birth_date", "POST"): Entry(
        {cell: "422" if word == "ok" else word for cell, word in SEE.items()}, also_reads={"use_id"}
    ),
    ("conversations.thread", "GET"): Entry(SEE, query={"task": "{task_id}"}, foreign={"task": "404"}),
    ("conversations.panel", "GET"): Entry(SEE),
    ("conversations.window", "GET"): Entry(
        SEE,
        query={"task": "{task_id}"},
        foreign={"task": "404"},
        writes={"audit", "conversation", "member_reading"},
    ),
    ("conversations.follow", "POST"): Entry(CHOOSE, form={"answer": "yes"}),
    ("who.show", "GET"): Entry(CHOOSE, query={"folder": "all"}),
    ("who.search", "POST"): Entry(CHOOSE, form={"q": "canary"}),
    ("who.choose", "POST"): Entry(
        CHOOSE,
        form={"patient_id": "{patient_id}", "reach": "all"},
        foreign={"patient_id": "404"},
        also_reads={"seen"},
    ),
    ("who.add", "POST"): Entry(
        CHOOSE,
        form={"first_name": "Nora", "last_name": "New", "born_on": "1980-05-17", "reach": "task"},
        also_reads={"seen", "chart_number", "species", "owner"},
    ),
    # Somebody on record uses these numbers.
    ("who.nobody", "POST"): Entry(
        {cell: "409" if word == "ok" else word for cell, word in CHOOSE.items()}, also_reads={"seen"}
    ),
    ("who.take_back", "POST"): Entry(CHOOSE, also_reads={"seen"}),
    ("who.undo", "POST"): Entry(
        {cell: "no" if cell[0] == "ben" and word != "in" else word for cell, word in UNDO.items()}
    ),
    ("conversations.find", "GET"): Entry(WRITERS),
    ("conversations.search", "POST"): Entry(WRITERS, form={"q": "canary"}),
    ("conversations.start", "POST"): Entry(
        CHOOSE,
        form={
            "patient_id": "{patient_id}",
            "phone_id": "{phone_id}",
            "practice_number_id": "{number_id}",
        },
        foreign={"patient_id": "404", "phone_id": "404", "practice_number_id": "404"},
    ),
    # ---- patients
    ("patients.search", "GET"): Entry(DIRECTORY),
    ("patients.search_now", "POST"): Entry(DIRECTORY, form={"q": "canary"}),
    ("palette.search", "POST"): Entry(DIRECTORY, form={"q": "canary"}),
    ("patients.show", "GET"): Entry(PATIENTS, writes=NOTE),
    ("patients.record_consent", "POST"): Entry(
        NUMBERS_OF_PATIENTS, form={"how": "paper"}, also_reads={"covers"}
    ),
    ("patients.agreements", "GET"): Entry(PATIENTS, writes=NOTE),
    ("patients.consent_form_page", "GET"): Entry(NUMBERS_OF_PATIENTS),
    ("patients.export_proof", "POST"): Entry(NUMBERS_OF_PATIENTS, form={"reason": "Asked by the patient"}),
    ("patients.hand_over", "POST"): Entry(NUMBERS_OF_PATIENTS, form={"language": "es"}),
    ("signing.form", "GET"): Entry(NOT_THERE),
    ("signing.sign", "POST"): Entry(
        NOT_THERE, form={"name": "Pat Porter"}, also_reads={"covers", "signature"}
    ),
    ("patients.opt_out", "POST"): Entry(NUMBERS_OF_PATIENTS),
    ("patients.opt_in", "POST"): Entry(NUMBERS_OF_PATIENTS, form={"how": "paper"}),
    ("patients.ask_birth_date", "POST"): Entry(NOT_ASKED, also_reads={"use_id"}),
    ("patients.switch_number", "POST"): Entry(NUMBERS_OF_PATIENTS, form={"on": "no"}),
    ("patients.remove_mark", "POST"): Entry(NUMBERS_OF_PATIENTS),
    ("patients.end_number", "POST"): Entry(NUMBERS_OF_PATIENTS),
    # None of these numbers has ended.
    ("patients.number_again", "POST"): Entry(
        {cell: "404" if word == "ok" else word for cell, word in NUMBERS_OF_PATIENTS.items()}
    ),
    ("patients.switch_patient", "POST"): Entry(PATIENTS, form={"on": "no"}),
    ("patients.choose_language", "POST"): Entry(PATIENTS, form={"language": "es"}),
    ("patients.new", "GET"): Entry(KEEPERS),
    ("patients.begin", "POST"): Entry(KEEPERS, form={"q": "Nora New"}),
    ("patients.add", "POST"): Entry(
        KEEPERS, form=FIELDS_OF_A_PATIENT, also_reads=NOT_OF_EVERY_PATIENT, foreign={"facility_id": "422"}
    ),
    ("patients.edit", "GET"): Entry(KEEP, writes=NOTE),
    ("patients.change", "POST"): Entry(
        KEEP, form=FIELDS_OF_A_PATIENT, also_reads=NOT_OF_EVERY_PATIENT, foreign={"facility_id": "422"}
    ),
    ("patients.archive", "POST"): Entry(KEEP, form={"on": "yes"}),
    ("patients.contacts", "GET"): Entry(PATIENTS, writes=NOTE),
    ("patients.add_contact", "POST"): Entry(KEEP, form=FIELDS_OF_A_CONTACT),
    ("patients.contact", "GET"): Entry(KEEP_PARTS, writes=NOTE),
    ("patients.change_contact", "POST"): Entry(KEEP_PARTS, form=FIELDS_OF_A_CONTACT),
    ("patients.add_number", "POST"): Entry(KEEP, form={"number": "(202) 555-0177"}),
    ("patients.add_contact_number", "POST"): Entry(KEEP_PARTS, form={"number": "(202) 555-0177"}),
    ("patients.archive_contact", "POST"): Entry(KEEP_PARTS, form={"on": "yes"}),
    ("patients.remove_contact", "POST"): Entry(KEEP_PARTS),
    ("patients.birth_date", "POST"): Entry(BORN),
    ("patients.birth_date_of_contact", "POST"): Entry(BORN_OF_CONTACTS),
    ("patients.log", "GET"): Entry(LOG, writes=NOTE),
    ("patients.access", "GET"): Entry(TRAIL, writes=NOTE),
    ("patients.choose_other", "GET"): Entry(KEEP),
    ("patients.search_other", "POST"): Entry(KEEP, form={"q": "canary"}),
    ("patients.compare", "GET"): Entry(BOTH, writes=NOTE),
    ("patients.merge", "POST"): Entry(
        BOTH, form={"keep": "other", "take_name": "one"}, also_reads=CHOICES_OF_A_MERGE
    ),
    ("patients.undo_merge", "POST"): Entry(KEEP_PARTS),
    ("patients.care_team", "GET"): Entry(PATIENTS, writes=NOTE),
    ("patients.join_care_team", "POST"): Entry(
        KEEP,
        form={"member_ids": "{colleague_id}", "role": "Nurse", "since_on": "2020-03-01"},
        also_reads={"is_primary"},
        foreign={"member_ids": "422"},
    ),
    ("patients.place_in_care_team", "GET"): Entry(PLACES_IN_TEAMS),
    ("patients.change_place_in_care_team", "POST"): Entry(
        PLACES_IN_TEAMS, form={"role": "Nurse", "since_on": "2020-03-01"}, also_reads={"is_primary"}
    ),
    ("patients.end_place_in_care_team", "POST"): Entry(PLACES_IN_TEAMS, also_reads={"until_on"}),
    ("patients.follow", "POST"): Entry(KEEP, form={"answer": "yes"}),
    # ---- importing patients
    ("importing.index", "GET"): Entry(IMPORTERS),
    ("importing.bring", "POST"): Entry(NO_FILE),
    ("importing.show", "GET"): Entry(IMPORTS),
    ("importing.progress", "GET"): Entry(IMPORTS),
    ("importing.report", "GET"): Entry(IMPORTS),
    ("importing.reread", "POST"): Entry(IMPORTS, form={"encoding": "cp1252", "delimiter": ";"}),
    ("importing.choose", "POST"): Entry(
        IMPORTS, form={"columns": ["chart_number", "first_name", "last_name"]}, also_reads={"date_order"}
    ),
    ("importing.rethink", "POST"): Entry(IMPORTS),
    ("importing.remove", "POST"): Entry(IMPORTS),
    **{(f"importing.{verb}", "POST"): Entry(NOT_YET) for verb in ("start", "stop", "undo")},
    # ---- settings
    ("settings.home", "GET"): Entry(SIGNED_IN),
    ("settings.practice", "GET"): Entry(ADMINISTRATION),
    ("settings.change_practice", "POST"): Entry(
        ADMINISTRATION,
        form=FIELDS_OF_A_PRACTICE,
        also_reads={
            "reply_assigns",
            "task_per_message",
            "sign_texts",
            "opt_in_notice_on",
            "verification_on",
        },
    ),
    ("settings.opening_hours", "GET"): Entry(ADMINISTRATION),
    ("settings.change_hours", "POST"): Entry(
        ADMINISTRATION,
        form={"section": "week", "monday_opens": "09:00", "monday_closes": "12:00"},
        also_reads={"date"},
    ),
    ("settings.texts_of_patients", "GET"): Entry(ADMINISTRATION),
    ("settings.change_text", "POST"): Entry(
        ADMINISTRATION,
        form={"text": "signature", "body": "Your team at {{practice}}"},
        also_reads={"language"},
    ),
    ("settings.preview_text", "POST"): Entry(
        ADMINISTRATION,
        form={"text": "signature", "body": "Your team at {{practice}}"},
        also_reads={"language"},
    ),
    ("settings.restore_text", "POST"): Entry(
        ADMINISTRATION, form={"text": "signature"}, also_reads={"language"}
    ),
    ("settings.auto_assignment", "GET"): Entry(ADMINISTRATION),
    ("settings.change_auto_assignment", "POST"): Entry(
        ADMINISTRATION, form={"last_sender_days": "9", "care_team": "yes"}, also_reads={"last_sender"}
    ),
    ("settings.try_auto_assignment", "POST"): Entry(
        ADMINISTRATION,
        form={"who": "+12025550199", "practice_number_id": "{number_id}", "last_sender_days": "9"},
        also_reads={"last_sender", "care_team"},
        foreign={"practice_number_id": "422"},
    ),
    ("settings.new_facility", "GET"): Entry(ADMINISTRATION),
    ("settings.add_facility", "POST"): Entry(ADMINISTRATION, form={"name": "East"}),
    ("settings.facility", "GET"): Entry(ADMINISTERED),
    ("settings.change_facility", "POST"): Entry(ADMINISTERED, form={"name": "East"}),
    ("settings.numbers", "GET"): Entry(ADMINISTRATION),
    ("settings.test_number", "POST"): Entry(ADMINISTERED),
    ("settings.new_number", "GET"): Entry(ADMINISTRATION),
    ("settings.add_number", "POST"): Entry(
        ADMINISTRATION,
        form={"number": "+12025550177", "label": "Desk", "facility_id": "{facility_id}"},
        foreign={"facility_id": "422"},
    ),
    ("settings.number", "GET"): Entry(ADMINISTERED),
    ("settings.change_number", "POST"): Entry(
        ADMINISTERED,
        form={"label": "Desk", "facility_id": "{facility_id}"},
        foreign={"facility_id": "422"},
    ),
    ("settings.policy", "GET"): Entry(ADMINISTRATION),
    ("settings.change_policy", "POST"): Entry(
        ADMINISTRATION, form={"second_factor": "everybody", "lock_minutes": "5"}
    ),
    ("settings.quarantine", "GET"): Entry(ADMINISTRATION),
    ("settings.file_inbound", "POST"): Entry(ADMINISTERED),
    ("settings.discard_inbound", "POST"): Entry(ADMINISTERED),
    ("settings.roles", "GET"): Entry(ADMINISTRATION),
    ("settings.change_roles", "POST"): Entry(
        ADMINISTRATION,
        form={"messages": ["{role_id}:assigned"], "dashboard": ["{role_id}"], "confirmed": "yes"},
        also_reads={
            "settings",
            "members",
            "patients",
            "export",
            "purge",
            "audit",
            "own_facilities_only",
            "birth_dates_masked",
        },
        foreign={"messages": "422", "dashboard": "422"},
    ),
    ("settings.new_role", "GET"): Entry(ADMINISTRATION, query={"from": "{role_id}"}, foreign={"from": "404"}),
    ("settings.add_role", "POST"): Entry(
        ADMINISTRATION,
        form={"name": "Night shift", "messages": "all", "privileges": ["dashboard"]},
        also_reads={"own_facilities_only", "birth_dates_masked"},
    ),
    ("settings.role", "GET"): Entry(ADMINISTERED),
    ("settings.change_role", "POST"): Entry(
        ADMINISTERED,
        form={"name": "Of its own", "messages": "assigned", "privileges": ["dashboard"]},
        also_reads={"own_facilities_only", "birth_dates_masked"},
    ),
    ("settings.remove_role", "POST"): Entry(IN_USE),
    ("settings.members", "GET"): Entry(ADMINISTRATION),
    ("settings.new_member", "GET"): Entry(ADMINISTRATION),
    ("settings.add_member", "POST"): Entry(
        ADMINISTRATION,
        form={**FIELDS_OF_A_MEMBER, "password": "a password that is new"},
        also_reads={"is_active", "is_away"},
        foreign=IDS_OF_A_MEMBER,
    ),
    ("settings.member", "GET"): Entry(ADMINISTERED),
    ("settings.change_member", "POST"): Entry(
        ADMINISTERED,
        form={**FIELDS_OF_A_MEMBER, "is_active": "yes"},
        also_reads={"is_away"},
        foreign=IDS_OF_A_MEMBER,
    ),
    ("settings.set_password", "POST"): Entry(ADMINISTERED, form={"password": "a password that is new"}),
    ("settings.sign_out_member", "POST"): Entry(ADMINISTERED),
    ("settings.invite", "POST"): Entry(ADMINISTERED),
    ("settings.revoke_invitation", "POST"): Entry(ADMINISTERED),
    ("settings.reset_second_factor", "POST"): Entry(ADMINISTERED),
    # ---- one's own
    ("settings.preferences", "GET"): Entry(SIGNED_IN),
    ("settings.change_preferences", "POST"): Entry(
        SIGNED_IN,
        form=FIELDS_OF_PREFERENCES,
        also_reads={
            "notify_unread",
            "single_keys",
            "enter_sends",
            "is_away",
            "is_available_for_chat",
            "quiet_from",
            "quiet_until",
        },
    ),
    ("settings.security", "GET"): Entry(SIGNED_IN),
    ("settings.change_password", "POST"): Entry(
        SIGNED_IN, form={"old_password": "{password}", "password": "a password that is new"}
    ),
    ("settings.confirm_page", "GET"): Entry(SIGNED_IN),
    ("settings.confirm", "POST"): Entry(SIGNED_IN, form={"password": "{password}", "next": ""}),
    ("settings.second_factor", "GET"): Entry(SIGNED_IN),
    ("settings.begin_app", "POST"): Entry(SIGNED_IN),
    # Nobody has begun to set up an app, and nobody has a code to keep.
    ("settings.confirm_app", "POST"): Entry(NOT_POSSIBLE, form={"code": "123456"}, writes=TRIES),
    ("settings.remove_app", "POST"): Entry(SIGNED_IN),
    ("settings.renew_recovery_codes", "POST"): Entry({**SIGNED_IN, ("cleo", "any"): "409"}),
    ("settings.recovery_codes_file", "POST"): Entry(NOT_RIGHT_INSIDE, form={"codes": ["none"]}),
    ("settings.ask_for_passkey", "POST"): Entry(SIGNED_IN),
    ("settings.add_passkey", "POST"): Entry(NOT_RIGHT_INSIDE, form={"answer": "{{}}", "name": "Laptop"}),
    ("settings.rename_passkey", "POST"): Entry(MY_OWN, form={"name": "Laptop"}),
    ("settings.remove_passkey", "POST"): Entry(MY_OWN),
    ("settings.end_device", "POST"): Entry(MY_OWN),
    ("settings.end_other_devices", "POST"): Entry(SIGNED_IN),
    ("settings.set_pin", "POST"): Entry(SIGNED_IN, form={"pin_password": "2580"}),
    ("auth.lock", "POST"): Entry(SIGNED_IN),
    # Nothing is locked: on to the inbox, whatever is given.
    ("auth.locked", "GET"): Entry(SIGNED_IN),
    ("auth.unlock", "POST"): Entry(SIGNED_IN, form={"secret": "{password}", "next": ""}),
    ("auth.unlock_question", "POST"): Entry(SIGNED_IN),
    ("auth.unlock_by_passkey", "POST"): Entry(NOT_RIGHT_INSIDE, form={"answer": "{{}}", "next": ""}),
    ("auth.renew", "POST"): Entry(SIGNED_IN),
    ("auth.sign_out", "POST"): Entry(SIGNED_IN),
}
