"""The front-end packages and the collected static files."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.core.exceptions import ImproperlyConfigured

from config import frontend
from config.embedded.processes import HOME


@pytest.mark.parametrize("name", frontend.FILES)
def test_finder_finds_every_listed_file(name):
    found = finders.find(name)
    assert found is not None
    assert Path(found).stat().st_size > 1000


@pytest.mark.parametrize(
    "name", ["vendor/tabler/tabler.css", "vendor/../package.json", "vendor/echarts/../../.npmrc", "vendor/"]
)
def test_finder_serves_nothing_beyond_its_list(name):
    assert frontend.FrontendPackagesFinder().find(name) == []


def test_collection_stops_at_a_missing_package(settings, tmp_path):
    settings.BASE_DIR = tmp_path
    with pytest.raises(ImproperlyConfigured, match="npm ci"):
        list(frontend.FrontendPackagesFinder().list(None))


def test_lock_files_pin_every_package_and_name_no_host():
    lock = json.loads((HOME / "package-lock.json").read_text())
    packages = {name: each for name, each in lock["packages"].items() if name}
    assert all(each["integrity"].startswith("sha512-") and "resolved" not in each for each in packages.values())
    wanted = json.loads((HOME / "package.json").read_text())["dependencies"]
    assert wanted == {name: packages[f"node_modules/{name}"]["version"] for name in wanted}
    for name in ("base.txt", "dev.txt"):
        text = (HOME / "requirements" / name).read_text()
        assert re.findall(r"https?://\S+|--(?:extra-)?index-url", text) == []
        pins = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
        assert [pin for pin in pins if "==" not in pin or "--hash=sha256:" not in pin] == []


def test_image_build_collects_all_static_files_without_real_secrets(tmp_path):
    """The very command of the Dockerfile, with the values that stand there."""
    step = re.search(r"^RUN (SECRET_KEY=.*?) python manage.py (collectstatic [^\\]*)", *dockerfile()).groups()
    values = dict(pair.split("=", 1) for pair in step[0].replace("\\\n", " ").split())
    values |= {"DATA_DIR": str(tmp_path), "STATIC_ROOT": str(tmp_path / "static"), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "manage.py", *step[1].split()],
        cwd=HOME,
        env=values,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    collected = json.loads((tmp_path / "static" / "staticfiles.json").read_text())["paths"]
    own = [str(path.relative_to(HOME / "static")) for path in (HOME / "static").rglob("*") if path.is_file()]
    assert set(collected) >= {*frontend.FILES, *own, "django_htmx/htmx-2.min.js"}
    assert (tmp_path / "static" / (collected["vendor/tabler/tabler.min.css"] + ".br")).exists()


def dockerfile() -> tuple[str, re.RegexFlag]:
    return (HOME / "Dockerfile").read_text(), re.MULTILINE | re.DOTALL


def test_every_dependency_has_its_reason_on_the_page():
    lines = [
        line
        for name in ("base.in", "dev.in")
        for line in (HOME / "requirements" / name).read_text().splitlines()
        if line and not line.startswith(("#", "-r"))
    ]
    wanted = {re.split(r"[\[<>=;~ ]", line, maxsplit=1)[0] for line in lines}
    wanted |= set(json.loads((HOME / "package.json").read_text())["dependencies"])
    page = (HOME / "docs" / "dependencies.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| ([\w@/-]+) \| \S", page, re.MULTILINE)) - {"package"} == wanted


def test_classes_of_ours_in_templates_have_a_rule():
    """A class that no style sheet knows does nothing; names put together from parts are left out."""
    rules = "\n".join(path.read_text() for path in sorted((HOME / "static/css").glob("*.css")))
    known = set(re.findall(r"\.(dm-[\w-]+)", rules))
    found = {}
    for path in sorted((HOME / "templates").rglob("*.html")):
        text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", "\0", path.read_text(), flags=re.DOTALL)
        words = [word for names in re.findall(r'class="([^"]*)"', text) for word in re.split(r"[\s\0]+", names)]
        found |= {word: path.name for word in words if word.startswith("dm-") and not word.endswith("-")}
    assert len(found) > 100
    assert {word: name for word, name in found.items() if word not in known} == {}
