"""How long `triage demo` takes to be ready when everything is installed and its history is there."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.figures import Report, Target
from bench.installation import ROOT
from triage.demo.child import wait_until
from triage.demo.ports import find_port

READY = b"Ctrl-C stops"


def measure(report: Report) -> None:
    with TemporaryDirectory(prefix="triage-bench-") as folder:
        _start(Path(folder))
        took = _start(Path(folder))
    report.add("cold_start_s", took, "s", Target(at_most=10), "the second start of the demo")


def _start(folder: Path) -> float:
    """Seconds until it says that it is ready; then it is stopped."""
    log = folder / "said.log"
    port = find_port(18950, explicit=False)
    command = [sys.executable, "-m", "triage", "demo", "--port", str(port), "--data", str(folder / "demo")]
    began = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output, env={**os.environ})
    try:
        if not wait_until(lambda: READY in log.read_bytes(), seconds=180, every=0.05):
            raise TimeoutError(log.read_text())
        return time.perf_counter() - began
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
