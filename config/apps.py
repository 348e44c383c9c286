from django.contrib.admin.apps import AdminConfig


class DunmiaoAdminConfig(AdminConfig):
    """The admin site, replaced by the service centre's own."""

    default_site = "config.admin.CentreSite"
