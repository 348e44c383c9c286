"""The acts on bases, households, beds, closures, uses and rates; one function each, the same for every door."""

from bases.actions.beds import set_beds
from bases.actions.households import (
    admit_household,
    apply_household,
    cancel_notice,
    open_notice,
    raise_objection,
    reapply_household,
    reject_household,
    resume_household,
    review_household,
    settle_objection,
    suspend_household,
    withdraw_household,
)  # fmt: skip
from bases.actions.places import close_place, reopen_place, restore_base, retire_base
from bases.actions.rates import confirm_rate, set_rate, unconfirm_rate
from bases.actions.uses import (
    cancel_outside_use,
    change_reservation,
    enter_outside_use,
    lock_bases,
    release_base,
    reserve_base,
)  # fmt: skip

__all__ = [
    "admit_household", "apply_household", "cancel_notice", "cancel_outside_use", "change_reservation", "close_place",
    "confirm_rate", "enter_outside_use", "lock_bases", "open_notice", "raise_objection", "reapply_household",
    "reject_household", "release_base", "reopen_place", "reserve_base", "restore_base", "resume_household", "retire_base",
    "review_household", "set_beds", "set_rate", "settle_objection", "suspend_household", "unconfirm_rate",
    "withdraw_household",
]  # fmt: skip
