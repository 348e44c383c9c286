"""Opening and posting the pages of a batch in tests."""

from django.test import Client
from django.urls import reverse


def page(client: Client, name: str, *args: object, query: str = "") -> str:
    """The page, which opens."""
    response = client.get(reverse(f"batches:{name}", args=args) + query)
    assert response.status_code == 200
    return response.content.decode()


def post(client: Client, route: str, *args: object, **data: object) -> str:
    """Post and follow; the page that comes."""
    response = client.post(reverse(f"batches:{route}", args=args), data, follow=True)
    assert response.status_code in (200, 422), response.status_code
    return response.content.decode()
