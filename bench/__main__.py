"""`make bench`: every figure, one after the other; QUICK=1 for a short run, names of figures for a few of them."""

import os
import sys
import time

from bench import (
    cold_start,
    footprint,
    in_browser,
    intake_rate,
    latency,
    opt_out_words,
    outbound_rate,
    pages,
    patient_import,
    scale_out,
    webhook_rate,
)
from bench.figures import RESULTS, Report

MEASURES = {
    "intake_rate": intake_rate,
    "webhook_rate": webhook_rate,
    "latency": latency,
    "opt_out_words": opt_out_words,
    "outbound_rate": outbound_rate,
    "scale_out": scale_out,
    "pages": pages,
    "patient_import": patient_import,
    "in_browser": in_browser,
    "footprint": footprint,
    "cold_start": cold_start,
}


def main() -> None:
    chosen = sys.argv[1:] or list(MEASURES)
    unknown = sorted(set(chosen) - MEASURES.keys())
    if unknown:
        raise SystemExit(f"No figure is called {', '.join(unknown)}. There are: {', '.join(MEASURES)}.")
    is_quick = os.environ.get("QUICK", "") not in ("", "0")
    report = Report(say=lambda line: print(line, flush=True), is_quick=is_quick)
    began = time.monotonic()
    for name in chosen:
        part_began = time.monotonic()
        MEASURES[name].measure(report)
        print(f"  {name} took {time.monotonic() - part_began:.0f} s", flush=True)
    # A few figures alone are for looking at; only a whole run is kept.
    if chosen == list(MEASURES):
        report.save(RESULTS / ("quick.json" if is_quick else "latest.json"))
    print(f"{len(report.figures)} figures in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
