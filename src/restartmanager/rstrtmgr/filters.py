"""Functions of filters, which keep applications from being closed or brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.model import FilterTrigger
from restartmanager.rstrtmgr import arguments, handles
from restartmanager.rstrtmgr.structures import RM_FILTER_INFO, filters_size
from restartmanager.rstrtmgr.types import ERROR_MORE_DATA, ERROR_SUCCESS, WinError

if TYPE_CHECKING:
    from restartmanager.model import Filter
    from restartmanager.rstrtmgr.arguments import Null
    from restartmanager.rstrtmgr.service_names import ServiceNames
    from restartmanager.rstrtmgr.structures import RM_UNIQUE_PROCESS


def RmAddFilter(
    dwSessionHandle: int,
    strModuleName: str | Null,
    pProcess: RM_UNIQUE_PROCESS | Null,
    strServiceShortName: str | Null,
    FilterAction: int,
) -> WinError:
    """Exclude one target from being stopped or brought back, instead of its filter so far.

    Exactly one is given: an executable's path, a process or a service; the others are None or 0.
    Codes: 0, 6, 14, 29, 121, 160, 1219. Source: Microsoft, RmAddFilter.
    """
    try:
        opened = handles.table.primary(dwSessionHandle, "add filters")
        target = arguments.filter_target(
            strModuleName, pProcess, strServiceShortName, opened.names.full
        )
        opened.session.add_filter(arguments.filter_action(FilterAction), **target)
    except handles.FAILURES as error:
        return handles.code(error)
    return ERROR_SUCCESS


def RmRemoveFilter(
    dwSessionHandle: int,
    strModuleName: str | Null,
    pProcess: RM_UNIQUE_PROCESS | Null,
    strServiceShortName: str | Null,
) -> WinError:
    """Remove the filter on that target, given as in RmAddFilter.

    Codes: 0, 2 when there is none, 6, 14, 29, 121, 160, 1219. Source: Microsoft, RmRemoveFilter.
    """
    try:
        opened = handles.table.primary(dwSessionHandle, "remove filters")
        target = arguments.filter_target(
            strModuleName, pProcess, strServiceShortName, opened.names.full
        )
        opened.session.remove_filter(**target)
    except handles.FAILURES as error:
        return handles.code(error)
    return ERROR_SUCCESS


def RmGetFilterList(
    dwSessionHandle: int, cbFilterBuf: int
) -> tuple[WinError, int, list[RM_FILTER_INFO]]:
    """List the filters, oldest first: ``(code, cbFilterBufNeeded, pbFilterBuf)``.

    Sizes are those of the C structures on 64 bits: 32 bytes for each filter and, behind them all,
    the paths and names in UTF-16, each with a zero at its end. Codes: 0, 6, 14, 29, 121, 160, 234
    when ``cbFilterBuf`` is too small (the list is empty), 1219. Source: Microsoft, RmGetFilterList.
    """
    try:
        opened = handles.table.primary(dwSessionHandle, "list filters")
        arguments.capacity(cbFilterBuf)
        filters = [_as_called(item, opened.names) for item in opened.session.filters()]
    except handles.FAILURES as error:
        return handles.code(error), 0, []
    needed = filters_size(filters)
    if needed > cbFilterBuf:
        return ERROR_MORE_DATA, needed, []
    infos = [RM_FILTER_INFO.like(item, last=item is filters[-1]) for item in filters]
    return ERROR_SUCCESS, needed, infos


def _as_called(item: Filter, names: ServiceNames) -> Filter:
    """The filter, with its service called as the installer does."""
    if item.trigger is not FilterTrigger.SERVICE or not isinstance(item.target, str):
        return item
    return item._replace(target=names.called(item.target))
