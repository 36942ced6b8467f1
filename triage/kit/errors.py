"""The four ways in which the product says no."""


class Refused(Exception):
    """A request that cannot be done, with a sentence for the person who asked."""

    def __init__(self, sentence: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NotFound(Refused):
    """Not there, or outside what this member may see."""


class NotAllowed(Refused):
    """Visible, but this member may not do it."""


class NotPossible(Refused):
    """The thing is in a state in which this cannot be done; `current` may hold what it is now."""

    def __init__(self, sentence: str = "", *, current: object = None) -> None:
        super().__init__(sentence)
        self.current = current


class Invalid(Refused):
    """Input that cannot be used; `fields` maps a field's name to a sentence about it."""

    def __init__(self, sentence: str = "", **fields: str) -> None:
        super().__init__(sentence or next(iter(fields.values()), ""))
        self.fields = fields


class GatewayFailed(Exception):
    """A service outside said no; `permanent` means that asking again cannot help."""

    def __init__(self, sentence: str, *, permanent: bool, code: int | None = None) -> None:
        super().__init__(sentence)
        self.permanent = permanent
        self.code = code


class OutcomeUnknown(Exception):
    """A service outside may or may not have done what was asked: look before asking again."""
