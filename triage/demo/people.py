"""The demo's two practices and who works there.

Every name is made up, and every number is of the 555-01xx range, which belongs to nobody. Patients are in
the tables of the stories.
"""

from dataclasses import dataclass

from triage.demo.carrier import ACCOUNTS
from triage.domain.practice.hours import Span, Spans
from triage.domain.practice.practice import Kind, UnreadBadge

PASSWORD = "triage-demo"


@dataclass(frozen=True)
class Colleague:
    """`part` is what the stories call somebody who does this work; the first with a part leads."""

    login: str
    name: str
    role: str
    sites: tuple[str, ...]
    part: str = ""
    kept_out_of: str = ""
    is_away: bool = False


@dataclass(frozen=True)
class Clinic:
    """A practice as it is set up; `sites` are its facilities, in the order of its account's numbers."""

    file: str
    account: str
    name: str
    kind: Kind
    numbers: tuple[str, ...]
    sites: tuple[str, ...]
    colleagues: tuple[Colleague, ...]
    programs: tuple[str, ...] = ()
    assigns_care_team: bool = False
    # By weekday, from Monday on; a practice that says so answers by itself while it is closed.
    opens: tuple[Spans, ...] = ()
    languages: tuple[str, ...] = ("en",)
    unread_badge: UnreadBadge = UnreadBadge.SHARED
    # Logins and names of patients: who follows whom, and who was in whose care team until lately.
    followers: tuple[tuple[str, str], ...] = ()
    former: tuple[tuple[str, str], ...] = ()
    # Who is asked for a birth date before the first text; these have not answered, or not rightly.
    asks_birth_dates: bool = False
    silent: tuple[str, ...] = ()
    mistaken: tuple[str, ...] = ()


_BOTH = ("Main Street", "Northside")
HARBOR = Clinic(
    "harbor",
    *ACCOUNTS[0][:2],
    Kind.HUMAN,
    ACCOUNTS[0][2],
    _BOTH,
    (
        Colleague("jo", "Jo Bennett", "Care team", ("Main Street",), "front"),
        Colleague("dana", "Dana Whitfield", "Care team", ("Main Street",), "nurse"),
        Colleague("sato", "Dr. Emi Sato", "Assigned only", ("Main Street",), "doctor"),
        Colleague("sam", "Sam Rivera", "Supervisor", _BOTH),
        Colleague("ada", "Ada Lindqvist", "Practice admin", _BOTH),
        Colleague("marisol", "Marisol Vega", "Care team", ("Main Street",), "front"),
        Colleague("luis", "Luis Ortega", "Care team", ("Main Street",), "nurse"),
        Colleague("grace", "Grace Kim", "Northside desk", ("Northside",), "front"),
        Colleague("noor", "Noor Haddad", "Care team", ("Northside",), "nurse"),
        Colleague("obi", "Dr. Amara Obi", "Assigned only", ("Northside",), "doctor"),
        Colleague("ines", "Inês Duarte", "Care team", _BOTH, kept_out_of="Mind and mood"),
        Colleague("whitcombe", "Dr. Paul Whitcombe", "Care team", ("Northside",), is_away=True),
        Colleague("billie", "Billie Novak", "Billing", _BOTH),
    ),
    programs=("Diabetes care", "Heart health", "Mind and mood", "Quit smoking"),
    opens=((Span(8 * 60, 17 * 60),),) * 5 + ((),) * 2,
    languages=("en", "es"),
    unread_badge=UnreadBadge.BOTH,
    followers=(
        ("jo", "Maria Alvarez"),
        ("sam", "Priya Nair"),
        ("ada", "Tom Becker"),
        ("luis", "James Okafor"),
    ),
    former=(("luis", "Maria Alvarez"), ("noor", "James Okafor")),
)
WILLOW = Clinic(
    "willow",
    *ACCOUNTS[1][:2],
    Kind.VETERINARY,
    ACCOUNTS[1][2],
    ("Willow Lane",),
    (
        Colleague("vera", "Vera Kowalski", "Care team", ("Willow Lane",), "nurse"),
        Colleague("sunny", "Sunny Park", "Care team", ("Willow Lane",), "front"),
        Colleague("milo", "Milo Grant", "Care team", ("Willow Lane",), "nurse"),
        Colleague("fischer", "Dr. Lena Fischer", "Assigned only", ("Willow Lane",), "doctor"),
        Colleague("aziz", "Dr. Omar Aziz", "Assigned only", ("Willow Lane",), "doctor"),
        Colleague("tess", "Tess Morgan", "Practice admin", ("Willow Lane",)),
    ),
    assigns_care_team=True,
    asks_birth_dates=True,
    silent=("+17035550198",),
    mistaken=("+17035550199",),
)
CLINICS = (HARBOR, WILLOW)


def part_of(clinic: Clinic, login: str) -> str:
    return next(colleague.part for colleague in clinic.colleagues if colleague.login == login)
