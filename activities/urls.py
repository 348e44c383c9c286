"""Routes of activities."""

from django.urls import path

from activities.views import classes, gatherings, mine, records

app_name = "activities"
urlpatterns = [
    path("", classes.classes, name="classes"),
    path("now/", gatherings.now, name="now"),
    path("me/", mine.me, name="me"),
    path("me/reflection/", mine.reflection, name="reflection"),
    path("me/leave/<int:gathering_id>/", gatherings.leave, name="leave"),
    path("class/<int:class_id>/", classes.class_page, name="class"),
    path("class/<int:class_id>/gathering/", gatherings.gathering, name="gathering"),
    path("class/<int:class_id>/record/", records.record_new, name="record_new"),
    path("class/<int:class_id>/report/", records.report_new, name="report_new"),
    path("gathering/<int:gathering_id>/absence/", gatherings.absence_new, name="absence_new"),
    path("gathering/<int:gathering_id>/hold/", gatherings.hold, name="hold"),
    path("gathering/<int:gathering_id>/take-back/", gatherings.take_back, name="take_back"),
    path("gathering/<int:gathering_id>/confirm/", gatherings.confirm, name="confirm"),
    path("gathering/<int:gathering_id>/sheet/", gatherings.sheet, name="sheet"),
    path("gathering/<int:gathering_id>/correct/", gatherings.correct, name="correct"),
    path("gathering/<int:gathering_id>/makeup/", gatherings.makeup, name="makeup"),
    path("absence/<int:absence_id>/decide/", gatherings.absence_decide, name="absence_decide"),
    path("absence/<int:absence_id>/void/", gatherings.absence_void, name="absence_void"),
    path("makeup/<int:makeup_id>/void/", gatherings.makeup_void, name="makeup_void"),
    path("record/<int:record_id>/", records.record, name="record"),
    path("record/<int:record_id>/review/", classes.review_record, name="review"),
    path("reflection/<int:reflection_id>/", mine.reflection_edit, name="reflection_edit"),
    path("reflection/<int:reflection_id>/review/", classes.review_reflection, name="review_reflection"),
    path("report/<int:report_id>/", records.report_edit, name="report_edit"),
    path("report/<int:report_id>/review/", classes.review_report, name="review_report"),
    path("photo/<int:photo_id>/", records.photo, name="photo"),
    path("photo/<int:photo_id>/remove/", records.photo_remove, name="photo_remove"),
    path("paper/<str:kind>/<int:paper_id>/<str:act>/", records.paper_act, name="paper_act"),
    path("batch/<int:batch_id>/five-ones/", classes.five_ones, name="five_ones"),
    path("batch/<int:batch_id>/archive/", classes.archive, name="archive"),
]
