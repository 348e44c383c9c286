from django.apps import AppConfig


class CadresConfig(AppConfig):
    name = "cadres"
    verbose_name = "干部"

    def ready(self) -> None:
        from accounts import reveal, roles
        from accounts.encryption import mask_id_number, mask_phone
        from cadres.models import Cadre
        from cadres.queries import role_facts, visible_to

        shown = (("id_number", "身份证号", mask_id_number), ("phone", "手机号", mask_phone))
        for field, label, mask in shown:
            reveal.register(
                f"cadre.{field}",
                reveal.Revealable(
                    model="cadres.Cadre", field=field, label=label, mask=mask,
                    rows=lambda user: visible_to(user, Cadre), about=lambda user: Cadre.objects.filter(user=user),
                ),
            )  # fmt: skip
        roles.register_role_facts(role_facts)
