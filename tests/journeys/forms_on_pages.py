"""The forms that a page offers, read from its HTML as a browser would, with the values it would send."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

TYPED = {"text", "search", "tel", "email", "url", "number", "password"}
"""Types of input into which anything can be typed."""


@dataclass
class Form:
    """One form with method post: where it goes, what it sends untouched, and which of its fields are typed into."""

    action: str
    values: dict[str, list[str]] = field(default_factory=dict)
    typed: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__()
        self.address, self.forms, self.by_id = address, [], {}
        self.form: Form | None = None
        self.select, self.area = "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        at = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.form = None
            if at.get("method", "").lower() == "post":
                action = at.get("action", "").split("#")[0]
                self.form = Form(action or self.address)
                self.by_id[at.get("id", "")] = self.form
                self.forms.append(self.form)
            return
        form = self.by_id.get(at["form"]) if "form" in at else self.form
        name = at.get("name", "")
        if form is None or not name or "disabled" in at:
            self._option(at) if tag == "option" else None
            return
        if tag == "input":
            self._input(form, name, at)
        elif tag == "button" and at.get("type", "submit") == "submit":
            form.values.setdefault(name, [at.get("value", "")])
        elif tag == "textarea":
            self.area = name
            form.typed.append(name)
            form.values[name] = [""]
        elif tag == "select":
            self.select = name
            form.values[name] = []

    def _option(self, at: dict[str, str]) -> None:
        if self.select and self.form is not None and "value" in at:
            chosen = self.form.values[self.select]
            if "selected" in at:
                self.form.values[self.select] = [at["value"]]
            elif not chosen:
                chosen.append(at["value"])

    def _input(self, form: Form, name: str, at: dict[str, str]) -> None:
        kind = at.get("type", "text")
        if kind == "file":
            form.files.append(name)
        elif kind in ("checkbox", "radio"):
            if "checked" in at:
                form.values.setdefault(name, []).append(at.get("value", "on"))
        else:
            form.values[name] = [at.get("value", "")]
            if kind in TYPED:
                form.typed.append(name)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.form = None
        elif tag == "select":
            self.select = ""
        elif tag == "textarea":
            self.area = ""

    def handle_data(self, data: str) -> None:
        if self.area and self.form is not None:
            self.form.values[self.area] = [data.strip("\n")]


def forms_of(page: str, address: str) -> list[Form]:
    """Every form of a page that is sent by post."""
    reader = _Reader(address)
    reader.feed(page)
    return reader.forms
