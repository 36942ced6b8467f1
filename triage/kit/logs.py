"""Structured logs that cannot leak: only known keys pass, and what looks like a number is masked."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

ALLOWED = frozenset(
    """event level timestamp logger request_id method route status ms exc_type exc_where job process count seconds
    practice_id member_id task_id conversation_id message_id inbound_id outbound_id letter_id reason code outcome attempt
    port host version environment migration seed lost doubled kind state check error_id signal pid""".split()
)
_LOOKS_PRIVATE = re.compile(r"\+?\d[\d ().-]{7,}\d|[\w.+-]+@[\w-]+\.[\w.]+|\b\d{1,4}[/-]\d{1,2}[/-]\d{2,4}\b")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def only_allowed(_: Any, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop every key that is not on the list, and mask numbers, dates and addresses in what is left."""
    return {key: _masked(key, value) for key, value in entry.items() if key in ALLOWED}


def _masked(key: str, value: Any) -> Any:
    if not isinstance(value, str) or key == "timestamp" or _UUID.fullmatch(value):
        return value
    return _LOOKS_PRIVATE.sub("[masked]", value)


def _of_libraries(_: Any, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A library's own line may quote arguments: keep its logger and level, and the type of what went wrong."""
    record: logging.LogRecord | None = entry.get("_record")
    if record is not None and not entry.get("_from_structlog", False):
        entry["event"] = str(record.msg) if not record.args else str(record.msg).split("%")[0].strip()
        if record.exc_info and record.exc_info[0]:
            entry["exc_type"] = record.exc_info[0].__name__
    return entry


def _exception_without_values(_: Any, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What went wrong and where, without the values: a database error quotes the row that it refused."""
    info = entry.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if info and info[0] is not None:
        entry["exc_type"] = info[0].__name__
        entry["exc_where"] = _where(info[2])
    return entry


def _where(traceback: Any) -> str:
    steps: list[str] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        steps.append(f"{code.co_filename.rsplit('/', 2)[-1]}:{code.co_name}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    return " > ".join(steps[-8:])


def configure(*, json: bool, level: str) -> None:
    """Set up logging of this process; safe to repeat."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _exception_without_values,
    ]
    renderer: Any = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        # What nobody will see is not prepared either.
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _of_libraries],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, only_allowed, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("apscheduler", "twilio", "urllib3", "httpx", "alembic", "gunicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def logger(name: str) -> Any:
    return structlog.get_logger(name)
