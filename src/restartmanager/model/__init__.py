"""The words of this program as records: resources → holders → applications → outcomes.

Everything here is frozen data; nothing here looks at the system. Text that came from a process
(names, arguments, paths) is hostile and kept as it was, undecodable bytes as surrogate escapes;
whoever shows it escapes it. Paths are always absolute.

The numbers of Status, RebootReason, FilterAction, FilterTrigger and RestartFlags are those of the
Windows API, so that they mean the same in every front door.
"""

from __future__ import annotations

from restartmanager.model.acting import (
    Entry,
    Filter,
    FilterAction,
    FilterTrigger,
    Outcome,
    Recipe,
    RestartFlags,
    RestartRegistration,
    Result,
    Signal,
    Step,
)
from restartmanager.model.applications import (
    Affected,
    Application,
    AppType,
    RebootReason,
    Required,
    RestartBy,
    Status,
    words,
)
from restartmanager.model.holders import (
    Evidence,
    Holder,
    How,
    Ignored,
    Process,
    Sighting,
    Unexplained,
)
from restartmanager.model.resources import FileIdentity, FileResource, Resources, TreeResource
from restartmanager.model.services import (
    Hold,
    Service,
    ServiceFacts,
    ServiceResult,
    ServiceState,
    Treatment,
)

__all__ = [
    "Affected",
    "AppType",
    "Application",
    "Entry",
    "Evidence",
    "FileIdentity",
    "FileResource",
    "Filter",
    "FilterAction",
    "FilterTrigger",
    "Hold",
    "Holder",
    "How",
    "Ignored",
    "Outcome",
    "Process",
    "RebootReason",
    "Recipe",
    "Required",
    "Resources",
    "RestartBy",
    "RestartFlags",
    "RestartRegistration",
    "Result",
    "Service",
    "ServiceFacts",
    "ServiceResult",
    "ServiceState",
    "Sighting",
    "Signal",
    "Status",
    "Step",
    "Treatment",
    "TreeResource",
    "Unexplained",
    "words",
]
