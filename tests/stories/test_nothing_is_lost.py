"""The small kill run: every kind of process is killed twice with texts in flight, and then everything is counted.

`make chaos` is the same with more texts and any seed.
"""

import re

from bench import chaos

TEXTS = 150
NEVER = ("lost", "doubled", "replies_lost", "replies_doubled", "answers_lost", "answers_doubled")


def test_no_text_is_lost_or_doubled_when_every_process_is_killed_twice() -> None:
    lines: list[str] = []

    code = chaos.run(seed=7, texts=TEXTS, say=lines.append)

    said = "\n".join(lines)
    figures = dict(re.findall(r"FIGURE (\S+) (\S+)", said))
    assert {name: figures[name] for name in NEVER} == dict.fromkeys(NEVER, "0"), said
    # Who writes first is told that the practice is closed; who is written with by a person is not.
    assert int(figures["answers"]) > 0, said
    assert all(int(figures[f"kills_{kind}"]) >= 2 for kind in chaos.KINDS), said
    assert code == 0, said
