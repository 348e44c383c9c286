"""Accounts for a batch's people, so that each can sign in; the slips are printed once (accounts.actions.issue_accounts)."""

from accounts import audit
from accounts.actions import MOST_AT_ONCE, Slip, issue_accounts
from accounts.models import User
from batches.models import Batch, PracticeClass
from batches.queries import cadres_without_account
from cadres.models import Cadre
from config.errors import DomainError


def issue_batch_accounts(*, batch: Batch, by: User, practice_class: PracticeClass | None = None) -> list[Slip]:
    """Accounts for everybody enrolled who has none, linked to the cadre; returns the slips to print.

    The sign-in name is the mobile number; where there is none or it is another's, the cadre's own number with a letter.
    Raises DomainError("everybody_has_one") when nobody is without, and what `issue_accounts` raises.
    """
    with audit.act("issue_batch_accounts", by=by, subject=batch) as entry:
        cadres = list(cadres_without_account(batch, practice_class).select_for_update(of=("self",)))
        if not cadres:
            raise DomainError("everybody_has_one", f"{practice_class or batch}的人都有账号了，不用再发。")
        names = _sign_in_names(cadres)
        slips: list[Slip] = []
        for start in range(0, len(cadres), MOST_AT_ONCE):
            part = cadres[start : start + MOST_AT_ONCE]
            slips += issue_accounts(people=[(names[cadre.pk], cadre.name) for cadre in part], by=by)
        for cadre, slip in zip(cadres, slips, strict=True):
            cadre.user = slip.user
            cadre.save(update_fields=["user"])
        entry.data["people"] = len(slips)
    return slips


def _sign_in_names(cadres: list[Cadre]) -> dict[int, str]:
    phones = [cadre.phone.strip() for cadre in cadres]
    taken = set(
        User.objects.filter(username__in=[phone for phone in phones if phone]).values_list("username", flat=True)
    )
    return {
        cadre.pk: phone if phone and phone not in taken and phones.count(phone) == 1 else f"g{cadre.pk:06d}"
        for cadre, phone in zip(cadres, phones, strict=True)
    }
