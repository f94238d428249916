"""Records that the whole package shares: resources, holders, applications, outcomes.

All of them are immutable, and no module here looks at the system, except ``identity``, which reads
``/proc/PID/stat``. Text that came from a process (names, arguments, paths) is hostile. The records
keep it unchanged, undecodable bytes as surrogate escapes; the code that shows it escapes it. Paths
are absolute.

The numbers of Status, RebootReason, FilterAction, FilterTrigger and RestartFlags are those of the
Windows API, so that they mean the same in every interface.

Names are loaded on first use (PEP 562): a program that needs an error or an identity does not
import all records.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from restartmanager.model.actions import (
        Filter,
        FilterAction,
        FilterTrigger,
        Outcome,
        Result,
        Step,
    )
    from restartmanager.model.applications import (
        Affected,
        Application,
        AppType,
        RestartBy,
        Status,
    )
    from restartmanager.model.holders import (
        Evidence,
        Holder,
        How,
        Ignored,
        Process,
        Sighting,
        Unexplained,
        Unresponsive,
    )
    from restartmanager.model.reasons import (
        RebootReason,
        Required,
        words,
    )
    from restartmanager.model.recipes import Entry, Home, Recipe
    from restartmanager.model.registrations import RestartFlags, RestartRegistration
    from restartmanager.model.resources import (
        FileIdentity,
        FileResource,
        Resources,
        ResourceSpec,
        TreeResource,
    )
    from restartmanager.model.services import (
        Hold,
        Service,
        ServiceFacts,
        ServiceResult,
        ServiceState,
        Treatment,
    )
    from restartmanager.model.signals import Signal

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
    "Home",
    "How",
    "Ignored",
    "Outcome",
    "Process",
    "RebootReason",
    "Recipe",
    "Required",
    "ResourceSpec",
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
    "Unresponsive",
    "words",
]

_HOMES = {
    "actions": (
        "Filter",
        "FilterAction",
        "FilterTrigger",
        "Outcome",
        "Result",
        "Step",
    ),
    "applications": ("Affected", "AppType", "Application", "RestartBy", "Status"),
    "holders": (
        "Evidence",
        "Holder",
        "How",
        "Ignored",
        "Process",
        "Sighting",
        "Unexplained",
        "Unresponsive",
    ),
    "reasons": ("RebootReason", "Required", "words"),
    "recipes": ("Entry", "Home", "Recipe"),
    "registrations": ("RestartFlags", "RestartRegistration"),
    "resources": ("FileIdentity", "FileResource", "ResourceSpec", "Resources", "TreeResource"),
    "signals": ("Signal",),
    "services": ("Hold", "Service", "ServiceFacts", "ServiceResult", "ServiceState", "Treatment"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load a name on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
