"""Pages: a part of what a query finds, and how much it finds in all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from .database import db


@dataclass(frozen=True)
class Page:
    """One page, counted from 1; `total` is how many there are on all `pages`."""

    items: Sequence[Any]
    page: int
    per_page: int
    total: int

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return -(-self.total // self.per_page)


class Pages:
    """What a statement finds, page by page.

    It stands at the head of a module, with a `sa.bindparam` for what only a request knows: to put the statement
    together anew for each request would take a quarter of the request's time.
    """

    def __init__(self, wanted: sa.Select[tuple[Any]]) -> None:
        self._total = sa.select(sa.func.count()).select_from(wanted.order_by(None).subquery())
        # The count comes along with each row, and is made once: one question to the database instead of two.
        self._rows = (
            wanted.add_columns(self._total.scalar_subquery())
            .limit(sa.bindparam("_limit", type_=sa.Integer))
            .offset(sa.bindparam("_offset", type_=sa.Integer))
        )

    def page(self, page: int, per_page: int, **values: Any) -> Page:
        """A page, which may be empty; VALUES are those of the statement's parameters."""
        which = {"_limit": per_page, "_offset": (page - 1) * per_page}
        rows = db.session.execute(self._rows, values | which).unique().all()
        total = rows[0][1] if rows else db.session.scalar(self._total, values) or 0
        return Page([row[0] for row in rows], page, per_page, total)
