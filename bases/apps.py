from django.apps import AppConfig


class BasesConfig(AppConfig):
    name = "bases"
    verbose_name = "基地"

    def ready(self) -> None:
        from accounts import reveal, roles
        from accounts.encryption import mask_phone
        from bases.models import HostHousehold, PracticeBase
        from bases.queries import visible_to
        from bases.rules import role_facts

        reveal.register(
            "base.phone",
            reveal.Revealable(
                model="bases.PracticeBase", field="phone", label="电话", mask=mask_phone,
                rows=lambda user: visible_to(user, PracticeBase), about=lambda user: PracticeBase.objects.none(),
            ),
        )  # fmt: skip
        reveal.register(
            "household.phone",
            reveal.Revealable(
                model="bases.HostHousehold", field="phone", label="电话", mask=mask_phone,
                rows=lambda user: visible_to(user, HostHousehold), about=lambda user: HostHousehold.objects.none(),
            ),
        )  # fmt: skip
        roles.register_role_facts(role_facts)
