"""Every sentence that a patient can receive."""


def signed(body: str, first_name: str) -> str:
    """A text that says who wrote it, where the practice wants that (ThoroughCare, C78)."""
    return f"{body}{signature(first_name)}"


def signature(first_name: str) -> str:
    return f"\n– {first_name}"


def unsigned(body: str, first_name: str) -> str:
    """What was written, of a text that may have been signed."""
    return body.removesuffix(signature(first_name))
