"""The one table of what a member can ask for by key or by name: the keys, their overlay and the palette read it."""

from typing import NamedTuple

from triage.domain.inbox import folders
from triage.domain.practice.member import Member
from triage.domain.practice.privileges import Messages

ACTIONS = "Actions on this message"
QUEUE = "The queue"
GO = "Go to"
WRITING = "Writing"
ANYWHERE = "Anywhere"
SETTINGS = "Settings"

FOLDER_KEYS = {
    "unassigned": "g u",
    "mine": "g m",
    "my-patients": "g t",
    "all": "g a",
    "overdue": "g o",
    "starred": "g s",
    "completed": "g c",
}
PLACE_KEYS = {"patients": "g p", "dashboard": "g d", "team": "g d", "settings": "g ,"}


class Command(NamedTuple):
    """`keys` are alternatives: `e`, `Shift+E`, `mod+k` (Ctrl, on a Mac ⌘), `g u` (one after the other).

    `url` is where it leads; without one a script does it. `is_elsewhere` opens a page of its own. What is `told`
    alone is done by the field that it is about, and stands in the overlay only.
    """

    name: str
    label: str
    group: str
    keys: tuple[str, ...] = ()
    url: str = ""
    told: bool = False
    is_elsewhere: bool = False

    @property
    def shown(self) -> list[list[str]]:
        """Each way as the caps of its keys."""
        return [_caps(key) for key in self.keys]


class Place(NamedTuple):
    """Somewhere to go that the navigation or the settings name."""

    slug: str
    label: str
    url: str
    is_elsewhere: bool = False


# Needs all messages where the second word is True.
WORK = (
    (Command("complete", "Complete, go to next", ACTIONS, ("e",)), False),
    (Command("reopen", "Reopen", ACTIONS, ("Shift+E",)), True),
    (Command("assign", "Assign…", ACTIONS, ("a",)), True),
    (Command("claim", "Assign to me, or not any more", ACTIONS, ("m",)), True),
    (Command("star", "Star", ACTIONS, ("s",)), False),
    (Command("unread", "Mark unread", ACTIONS, ("i",)), False),
    (Command("delete", "Delete", ACTIONS, ("#",)), True),
    (Command("reply", "Reply", ACTIONS, ("r",)), False),
    (Command("undo", "Undo", ACTIONS, ("z", "mod+z")), False),
    (Command("panel", "Patient panel", ACTIONS, ("p",)), False),
    (Command("window", "Keep in a small window", ACTIONS), False),
    (Command("next", "Next row", QUEUE, ("j", "ArrowDown")), False),
    (Command("previous", "Previous row", QUEUE, ("k", "ArrowUp")), False),
    (Command("open", "Open", QUEUE, ("o", "Enter")), False),
    (Command("back", "Back to the queue", QUEUE, ("u", "Escape")), False),
    (Command("select", "Select", QUEUE, ("x",)), True),
    (Command("extend-next", "Select downwards", QUEUE, ("Shift+J",)), True),
    (Command("extend-previous", "Select upwards", QUEUE, ("Shift+K",)), True),
    (Command("select-all", "Select all rows shown", QUEUE, ("mod+a",)), True),
    (Command("find", "Search this view", QUEUE, ("/",)), False),
    (Command("filter", "Filter", QUEUE, ("f",)), False),
    (Command("send", "Send", WRITING, ("mod+Enter",), told=True), False),
    (Command("send-and-complete", "Send, complete, next", WRITING, ("mod+Shift+Enter",), told=True), False),
    (Command("leave", "Leave the text, keep it", WRITING, ("Escape",), told=True), False),
    (Command("new", "New message", ANYWHERE, ("c",), url="/new-message"), True),
)
ALWAYS = (
    Command("palette", "Find anything", ANYWHERE, ("mod+k",)),
    Command("nav", "Narrow or wide navigation", ANYWHERE, ("[",)),
    Command("shortcuts", "Keyboard shortcuts", ANYWHERE, ("?",)),
    Command("lock", "Lock", ANYWHERE, ("mod+Shift+L",)),
)


def commands_for(
    member: Member, places: list[Place], settings: list[Place], *, enter_sends: bool
) -> list[Command]:
    """What this member's role can do, in the order of the overlay."""
    sees_all = member.messages is Messages.ALL
    work = [command for command, needs_all in WORK if sees_all or not needs_all]
    if not folders.slugs_for(member):
        work = []
    if enter_sends:
        work = [one._replace(keys=("Enter",)) if one.name == "send" else one for one in work]
    return [*work, *ALWAYS, *_to_folders(member), *map(_to_place, places), *map(_to_setting, settings)]


def _to_folders(member: Member) -> list[Command]:
    return [
        Command(
            f"go-{slug.value}",
            folders.NAMES[slug][0],
            GO,
            _one(FOLDER_KEYS, slug.value),
            f"/inbox/{slug.value}",
        )
        for slug in folders.slugs_for(member)
    ]


def _to_place(place: Place) -> Command:
    return Command(
        f"go-{place.slug}",
        place.label,
        GO,
        _one(PLACE_KEYS, place.slug),
        place.url,
        is_elsewhere=place.is_elsewhere,
    )


def _to_setting(place: Place) -> Command:
    return Command(f"set-{place.slug}", place.label, SETTINGS, (), place.url)


def _one(keys: dict[str, str], slug: str) -> tuple[str, ...]:
    return (keys[slug],) if slug in keys else ()


CAPS = {"mod": "Ctrl", "ArrowDown": "↓", "ArrowUp": "↑", "Escape": "Esc"}


def _caps(key: str) -> list[str]:
    parts = key.split(" ") if " " in key else key.split("+")
    return [CAPS.get(part, part.upper() if len(part) == 1 else part) for part in parts]
