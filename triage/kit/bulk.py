"""Many rows in one statement: they travel as an array for each column, so the statement is built and planned once."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Enum,
    FromClause,
    String,
    Table,
    Text,
    bindparam,
    cast,
    column,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, Insert, insert
from sqlalchemy.types import TypeEngine


class Rows:
    """Rows that a statement is given: join `table`, and execute with `given(rows)`.

    `name` must be the only one of its kind in the statement.
    """

    def __init__(self, name: str, types: Mapping[str, TypeEngine[Any]]) -> None:
        self._name = name
        self._types = types
        arrays = [
            bindparam(f"{name}_{one}", type_=ARRAY(_on_the_way(type_), dimensions=1))
            for one, type_ in types.items()
        ]
        columns = [column(one, _on_the_way(type_)) for one, type_ in types.items()]
        self.table: FromClause = (
            func.unnest(*arrays).table_valued(*columns, name=name).render_derived(name=name)
        )

    @classmethod
    def of(cls, table: Table, names: Sequence[str], *, called: str | None = None) -> "Rows":
        """Rows with these columns of a table."""
        return cls(called or f"given_{table.name}", {name: table.c[name].type for name in names})

    def value(self, name: str) -> ColumnElement[Any]:
        """A column as the database knows its type."""
        given = self.table.c[name]
        return cast(given, JSONB) if isinstance(self._types[name], JSONB) else given

    def given(self, rows: Iterable[Sequence[Any]]) -> dict[str, list[Any]]:
        """The parameters for these rows, whose values stand in the order of the columns."""
        columns = list(zip(*rows, strict=True)) or [()] * len(self._types)
        return {
            f"{self._name}_{name}": [json.dumps(value) for value in values]
            if isinstance(type_, JSONB)
            else list(values)
            for (name, type_), values in zip(self._types.items(), columns, strict=True)
        }


class Addition:
    """An insert into a table: `statement` adds the rows that `given` turns into its parameters.

    `unless_there`: somebody else may have added the same row at this moment, and theirs stays.
    """

    def __init__(self, table: Table, names: Sequence[str], *, unless_there: bool = False) -> None:
        self._names = names
        self._rows = Rows.of(table, names, called=f"new_{table.name}")
        values = select(*[self._rows.value(name) for name in names])
        added = insert(table).from_select(names, values, include_defaults=False)
        self.statement: Insert = added.on_conflict_do_nothing() if unless_there else added

    def given(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
        return self._rows.given([[row[name] for name in self._names] for row in rows])


def _on_the_way(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """Words of an enum travel as text, JSON as its text."""
    if isinstance(type_, JSONB):
        return Text()
    return String() if isinstance(type_, Enum) else type_
