"""Whether this installation is safe to start (`unsafe`), and whether everything it needs is there (`run`)."""

from triage.doctoring.doctor import run, unsafe

__all__ = ["run", "unsafe"]
