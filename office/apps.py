from django.apps import AppConfig


class OfficeConfig(AppConfig):
    name = "office"
    verbose_name = "任务与日历"
