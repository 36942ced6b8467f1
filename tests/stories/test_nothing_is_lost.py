"""The small kill run: every kind of process is killed twice with texts in flight, and then everything is counted.

`make chaos` is the same with more texts and any seed.
"""

import re

from bench import chaos

TEXTS = 150


def test_no_text_is_lost_or_doubled_when_every_process_is_killed_twice() -> None:
    lines: list[str] = []

    code = chaos.run(seed=7, texts=TEXTS, say=lines.append)

    said = "\n".join(lines)
    figures = dict(re.findall(r"FIGURE (\S+) (\S+)", said))
    assert {name: figures[name] for name in ("lost", "doubled", "replies_lost", "replies_doubled")} == {
        "lost": "0",
        "doubled": "0",
        "replies_lost": "0",
        "replies_doubled": "0",
    }, said
    assert all(int(figures[f"kills_{kind}"]) >= 2 for kind in chaos.KINDS), said
    assert code == 0, said
