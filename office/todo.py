"""What waits for somebody: each app computes its own, the home page collects them."""

import datetime
from dataclasses import dataclass


@dataclass(frozen=True)
class Todo:
    """One thing that waits for the signed-in person: what, by when, where it is done and the verb of the button."""

    what: str
    detail: str
    due: datetime.date | None
    url: str
    act: str
