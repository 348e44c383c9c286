"""Routes of cadres."""

from django.urls import URLPattern, path

from cadres.models import RosterImport
from cadres.views import imports, people

app_name = "cadres"
urlpatterns: list[URLPattern] = [
    path("imports/", imports.import_list, name="imports"),
    path("imports/roster/", imports.upload, {"kind": RosterImport.Kind.CENSUS}, name="upload_roster"),
    path("imports/past/", imports.upload, {"kind": RosterImport.Kind.PAST}, name="upload_past"),
    path("imports/roster/form/", imports.empty_form, {"kind": "roster"}, name="roster_form"),
    path("imports/past/form/", imports.empty_form, {"kind": "past"}, name="past_form"),
    path("imports/<int:import_id>/", imports.detail, name="import"),
    path("imports/<int:import_id>/reading/", imports.reading_state, name="import_reading"),
    path("imports/<int:import_id>/units/", imports.choose_units, name="import_units"),
    path("imports/<int:import_id>/again/", imports.read_again, name="import_again"),
    path("imports/<int:import_id>/commit/", imports.commit, name="import_commit"),
    path("imports/<int:import_id>/revert/", imports.revert, name="import_revert"),
    path("imports/<int:import_id>/discard/", imports.discard, name="import_discard"),
    path("imports/<int:import_id>/refused/", imports.refused, name="import_refused"),
    path("unavailability/", people.unavailability, name="unavailability"),
    path("unavailability/<int:pk>/void/", people.void_unavailability, name="void_unavailability"),
    path("unit/", people.own_unit, name="unit"),
    path("units/<int:unit_id>/", people.unit_page, name="unit_page"),
    path("me/", people.own_data, name="me"),
]
