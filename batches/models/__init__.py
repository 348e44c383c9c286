"""Programme rules, batches and their classes, plans, gatherings with lodging and presence."""

from batches.models.batch import (
    Batch,
    ClassMembership,
    ClassOffice,
    ClassStaff,
    Enrollment,
    Mentorship,
    Nomination,
    Parity,
    PracticeClass,
)
from batches.models.gathering import Absence, ConfirmedPresence, Gathering, GatheringSite, Lodging, MakeUp
from batches.models.plan import GatheringPin, PlanDemand, PlanRun, PlanVersion, Waiver
from batches.models.programme import Programme, Track

__all__ = [
    "Absence",
    "Batch",
    "ClassMembership",
    "ClassOffice",
    "ClassStaff",
    "ConfirmedPresence",
    "Enrollment",
    "Gathering",
    "GatheringPin",
    "GatheringSite",
    "Lodging",
    "MakeUp",
    "Mentorship",
    "Nomination",
    "Parity",
    "PlanDemand",
    "PlanRun",
    "PlanVersion",
    "PracticeClass",
    "Programme",
    "Track",
    "Waiver",
]
