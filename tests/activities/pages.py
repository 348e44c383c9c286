"""How tests open the pages of a class's record."""

from typing import Any

from django.test import Client
from django.urls import reverse

from accounts.models import User


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(user: User, name: str, *args: Any, status: int = 200, **query: Any) -> str:
    response = signed_in(user).get(reverse(f"activities:{name}", args=args), query)
    assert response.status_code == status, response
    return response.content.decode()
