"""What a worker does for this app."""

import structlog

from cadres import actions
from cadres.models import RosterImport
from cadres.states import IMPORT
from office.jobs import JobRun, job_task

log = structlog.get_logger(__name__)


@job_task(actions.READ_TASK)
def read_import(run: JobRun) -> None:
    """Read an uploaded list and write its preview."""
    roster_import = (
        RosterImport.objects.select_related("file")
        .filter(pk=run.params["import"], state__in=IMPORT["preview"].sources)
        .first()
    )
    if roster_import is None:
        log.info("import_not_waiting", roster_import=run.params["import"])
        return
    actions.read_import(roster_import=roster_import, by=run.job.owner, run=run)
