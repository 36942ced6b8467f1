"""Every sentence that a patient can receive."""


def signed(body: str, first_name: str) -> str:
    """A text that says who wrote it, where the practice wants that (ThoroughCare, C78)."""
    return f"{body}\n– {first_name}"
