"""How long a text takes, open loop at a steady rate: to the acknowledgement, and to the committed task."""

from bench import calls, load
from bench.figures import Report, Target
from bench.history import Size
from bench.house import ask, at_work, wait_until_filed

RATE = 225.0

_TO_TASK = """
select percentile_cont(:share) within group (
  order by extract(epoch from pg_xact_commit_timestamp(t.xmin) - i.received_at)) * 1000
from inbound i join task_message m on m.message_id = i.message_id join task t on t.id = m.task_id
where i.state = 'filed' and i.received_at > :since
"""


def measure(report: Report) -> None:
    seconds, runs = (6.0, 1) if report.is_quick else (30.0, 3)
    count = int(RATE * seconds)
    to_answer, to_task, middle = [], [], []
    with at_work(Size(patients=count * runs, tasks=10_000, open_tasks=500)) as house:
        for _ in range(runs):
            since = ask(house, "select now()")
            answers = load.steady(house.web_url, calls.texts(house.web_url, count), rate=RATE)
            wait_until_filed(house)
            took = sorted(answer.seconds for answer in answers)
            to_answer.append(took[int(len(took) * 0.99)] * 1000)
            to_task.append(float(ask(house, _TO_TASK, share=0.99, since=since)))
            middle.append(float(ask(house, _TO_TASK, share=0.5, since=since)))
    report.add("webhook_latency_p99_ms", to_answer, "ms", Target(at_most=30), note="225 a second, open loop")
    report.add("intake_latency_p50_ms", middle, "ms")
    report.add("intake_latency_p99_ms", to_task, "ms", Target(at_most=100), note="225 a second, open loop")
