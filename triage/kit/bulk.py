"""Many rows in one statement: they travel as one piece of JSON, so the statement is built and planned once."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Enum, FromClause, String, Table, Text, bindparam, cast, column, func, select
from sqlalchemy.dialects.postgresql import JSON, Insert, insert
from sqlalchemy.types import TypeEngine


class Rows:
    """Rows that a statement is given: select from `table`, and execute with `given(rows)`.

    `name` must be the only one of its kind in the statement. Measured against arrays for each column and against
    COPY: a third of the work of the arrays, a little more than COPY, which cannot look anything up.
    """

    def __init__(self, name: str, types: Mapping[str, TypeEngine[Any]]) -> None:
        self._name = name
        self._columns = tuple(types)
        columns = [column(one, _plain(type_)) for one, type_ in types.items()]
        rows = func.json_to_recordset(cast(bindparam(name, type_=Text()), JSON()))
        self.table: FromClause = rows.table_valued(*columns, name=name).render_derived(
            name=name, with_types=True
        )

    @classmethod
    def of(cls, table: Table, names: Sequence[str], *, called: str | None = None) -> "Rows":
        """Rows with these columns of a table."""
        return cls(called or f"given_{table.name}", {name: table.c[name].type for name in names})

    def given(self, rows: Iterable[Sequence[Any]]) -> dict[str, str]:
        """The parameter for these rows, whose values stand in the order of the columns."""
        named = [dict(zip(self._columns, row, strict=True)) for row in rows]
        return {self._name: json.dumps(named, default=str)}


class Addition:
    """An insert into a table: `statement` adds the rows that `given` turns into its parameter.

    `unless_there`: somebody else may have added the same row at this moment, and theirs stays.
    """

    def __init__(self, table: Table, names: Sequence[str], *, unless_there: bool = False) -> None:
        self._name = f"new_{table.name}"
        columns = Rows.of(table, names, called=self._name).table.c
        added = insert(table).from_select(names, select(*columns), include_defaults=False)
        self.statement: Insert = added.on_conflict_do_nothing() if unless_there else added

    def given(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        """The parameter for rows by the names of their columns; what a row leaves out is null."""
        return {self._name: json.dumps(list(rows), default=str)}


def _plain(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """Words of an enum travel as what they are: text."""
    return String() if isinstance(type_, Enum) else type_
