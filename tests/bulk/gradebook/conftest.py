"""Gradebooks of both engines; the PostgreSQL server is a real one, started for the tests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from postgres_server import PostgresServer, find_binaries

from dlcourse.bulk.gradebook import Gradebook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MISSING = "PostgreSQL's `initdb` is not here: type `apt-get install postgresql`"


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """A running server; where its binaries are missing, the test is skipped, or fails on demand."""
    binaries = find_binaries()
    if binaries is None and os.environ.get("DLCOURSE_REQUIRE_POSTGRES"):
        pytest.fail(_MISSING)
    if binaries is None:
        pytest.skip(_MISSING)
    server = PostgresServer(binaries)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a gradebook can be made: a file, then a database."""
    if request.param == "sqlite":
        return str(tmp_path / "gradebook.db")
    server: PostgresServer = request.getfixturevalue("server")
    return server.url(server.database())


@pytest.fixture
def book(place: str) -> Iterator[Gradebook]:
    """An empty gradebook that is open."""
    with Gradebook.open(place, create=True) as book:
        yield book
