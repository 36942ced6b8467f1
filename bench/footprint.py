"""What an installation costs while nobody does anything: processor and memory, with fifty pages open."""

import socket
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

from bench import clinic, processes
from bench.figures import Report, Target
from bench.history import Size
from bench.house import at_work
from bench.installation import CARRIER, Installation
from bench.staff import Staff

PAGES = 50
COUNTED = {"web", "worker-1", "scheduler", processes.REDIS}


def measure(report: Report) -> None:
    seconds = 10.0 if report.is_quick else 60.0
    with (
        at_work(Size(patients=1000, tasks=10_000, open_tasks=500), workers_apart=False) as house,
        ExitStack() as pages,
    ):
        staff = Staff(house.web_url, clinic.MEMBERS[0], clinic.PASSWORD)
        staff.sign_in()
        for _ in range(PAGES):
            pages.callback(open_stream(house, staff.cookie).close)
        parts = {name: pid for name, pid in processes.roots(house).items() if name != CARRIER}
        before = {name: processes.processor_seconds(pid) for name, pid in parts.items()}
        time.sleep(seconds)
        used = sum(processes.processor_seconds(pid) - before[name] for name, pid in parts.items())
        memory = sum(processes.memory_mib(pid) for name, pid in parts.items() if name in COUNTED)
    report.add(
        "idle_cpu_percent", used / seconds * 100, "%", Target(at_most=3), "of one core, with PostgreSQL"
    )
    report.add("memory_pss_mib", memory, "MiB", Target(at_most=300), "web 2, worker 2, scheduler, Redis")


def open_stream(house: Installation, cookie: str) -> socket.socket:
    place = urlsplit(house.web_url)
    stream = socket.create_connection((place.hostname or "localhost", place.port or 80))
    request = (
        f"GET /live HTTP/1.1\r\nHost: {place.netloc}\r\nAccept: text/event-stream\r\nCookie: {cookie}\r\n\r\n"
    )
    stream.sendall(request.encode())
    # Until it answers the page is being opened, which is not what costs while nobody does anything.
    if b" 200 " not in stream.recv(4096):
        raise RuntimeError("the stream was refused")
    return stream
