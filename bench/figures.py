"""A figure: what was measured, in which unit, and the target it is held against."""

import json
import platform
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Target:
    """`at_least` or `at_most`; what the project aims at, which no test asserts."""

    at_least: float | None = None
    at_most: float | None = None

    def is_met(self, value: float) -> bool:
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )

    def __str__(self) -> str:
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"


@dataclass(frozen=True)
class Figure:
    name: str
    value: float
    unit: str
    target: Target | None = None
    note: str = ""
    runs: Sequence[float] = ()

    def line(self) -> str:
        return f"FIGURE {self.name} {self.value:g} {self.unit}"


@dataclass
class Report:
    """Every figure of one run; each is said as soon as it is known."""

    say: Callable[[str], None]
    is_quick: bool
    figures: list[Figure] = field(default_factory=list)

    def add(
        self,
        name: str,
        runs: float | Iterable[float],
        unit: str,
        target: Target | None = None,
        note: str = "",
    ) -> float:
        """The median of the runs, rounded to what the noise leaves; returns it unrounded."""
        values = [runs] if isinstance(runs, int | float) else list(runs)
        middle = statistics.median(values)
        figure = Figure(name, rounded(middle), unit, target, note, [rounded(value) for value in values])
        self.figures.append(figure)
        self.say(figure.line())
        return middle

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "quick": self.is_quick,
            "python": platform.python_version(),
            "figures": {
                figure.name: {
                    **{
                        name: value
                        for name, value in asdict(figure).items()
                        if name not in ("name", "target")
                    },
                    "target": str(figure.target) if figure.target else None,
                    "met": figure.target.is_met(figure.value) if figure.target else None,
                }
                for figure in self.figures
            },
        }
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def rounded(value: float) -> float:
    """Three significant digits."""
    return float(f"{value:.3g}")


def share(values: Iterable[float], part: float) -> float:
    """The value below which `part` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]
