"""Folders of their own for services that a test starts."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.embedded.keys import APPLICATION_KEYS


@pytest.fixture
def make_var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Path]]:
    """Gives the ignored folder of a checkout by name; what its services leave outside it is removed afterwards."""
    addresses = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "CACHE_URL", "DATA_DIR")
    for name in (*addresses, *APPLICATION_KEYS):
        monkeypatch.delenv(name, raising=False)
    yield lambda name: tmp_path / name / "var"
    for places in tmp_path.glob("*/var/places.json"):
        for folder in json.loads(places.read_text()).values():
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def var(make_var: Callable[[str], Path]) -> Path:
    """The ignored folder of one checkout."""
    return make_var("checkout")
