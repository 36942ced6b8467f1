"""How many of those who ask in their own words are noticed, and how often nobody asked.

The sentences were labelled by a reader who never saw the patterns; a third of them was held out while the patterns were
written, and is what counts.
"""

from pathlib import Path
from typing import NamedTuple

from bench.figures import Report, Target
from triage.domain.patients.consent import Keyword, keyword_of
from triage.domain.patients.opting_out import found_in

SENTENCES = Path(__file__).resolve().parent / "sentences"


class Sentence(NamedTuple):
    language: str
    asks: bool
    text: str

    @property
    def is_noticed(self) -> bool:
        return keyword_of(self.text, None) is Keyword.STOP or found_in(self.text) is not None


def measure(report: Report) -> None:
    for name in ("seen", "held_out"):
        sentences = read(name)
        asking = [one for one in sentences if one.asks]
        noticed = [one for one in sentences if one.is_noticed]
        right = [one for one in noticed if one.asks]
        is_judged = name == "held_out"
        report.add(
            f"opt_out_recall_{name}",
            len(right) / len(asking),
            "share",
            Target(at_least=0.8) if is_judged else None,
            note=f"{len(sentences)} sentences",
        )
        report.add(
            f"opt_out_precision_{name}",
            len(right) / len(noticed),
            "share",
            Target(at_least=0.9) if is_judged else None,
        )
        if is_judged:
            for one in sentences:
                if one.is_noticed != one.asks:
                    report.say(f"  {'missed' if one.asks else 'nobody asked'} ({one.language}): {one.text}")


def read(name: str) -> list[Sentence]:
    """`seen` or `held_out`: language, `out` or `no`, and the text, with tabs between."""
    lines = (SENTENCES / f"opt_out_{name}.tsv").read_text(encoding="utf-8").splitlines()
    return [
        Sentence(language, label == "out", text)
        for language, label, text in (one.split("\t") for one in lines)
    ]
