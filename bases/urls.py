"""Routes of bases."""

from django.urls import URLPattern

app_name = "bases"
urlpatterns: list[URLPattern] = []
