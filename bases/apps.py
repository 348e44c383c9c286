from django.apps import AppConfig


class BasesConfig(AppConfig):
    name = "bases"
    verbose_name = "基地"

    def ready(self) -> None:
        from accounts import reveal
        from accounts.encryption import mask_phone
        from bases.models import HostHousehold, PracticeBase
        from bases.queries import visible_to

        for what, model in (("base.phone", PracticeBase), ("household.phone", HostHousehold)):
            reveal.register(
                what,
                reveal.Revealable(
                    model=model._meta.label, field="phone", label="电话", mask=mask_phone,
                    rows=lambda user, model=model: visible_to(user, model), about=lambda user, model=model: model.objects.none(),
                ),
            )  # fmt: skip
