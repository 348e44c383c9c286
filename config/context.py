"""What every page's frame shows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def shell(request: HttpRequest) -> dict[str, Any]:
    return {"county_name": settings.COUNTY_NAME}
