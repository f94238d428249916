"""Work on several services at once: the result of each is told as soon as it is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from restartmanager.errors import RestartManagerError
from restartmanager.model import ServiceResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from restartmanager.model import Service
    from restartmanager.model.identity import UniqueProcess

    Work = Callable[[], "Done"]
    """Raises ServiceTroubleError, CalledOffError, OSError or a RestartManagerError where it is not
    done."""


NO_SUCH_SERVICE = "there is no such service now"
_AT_ONCE = 32  # threads, which do nothing but wait


@dataclass(frozen=True, slots=True)
class Done:
    """The result of work that was done: a remark, and the main process where one runs now."""

    remark: str = ""
    main: UniqueProcess | None = None


class ServiceTroubleError(Exception):
    """A service is not as it should be; the text says why."""


class CalledOffError(Exception):
    """Acting on a service was called off: it must be looked at."""


def side_by_side(
    work: Mapping[Service, Work], *, at_once: int = _AT_ONCE
) -> Iterator[ServiceResult]:
    """Do these, each in a thread; with ``at_once=1`` one after the other, in this order.

    What was called off has no result.
    """
    from concurrent.futures import ThreadPoolExecutor, as_completed

    if not work:
        return
    with ThreadPoolExecutor(min(at_once, len(work)), "restartmanager-service") as pool:
        futures = [pool.submit(_result, service, job) for service, job in work.items()]
        for future in as_completed(futures):
            result = future.result()
            if result is not None:
                yield result


def _result(service: Service, work: Work) -> ServiceResult | None:
    try:
        done = work()
        return ServiceResult(service, remark=done.remark, main=done.main)
    except CalledOffError:
        return None
    except (OSError, RestartManagerError, ServiceTroubleError) as error:
        return ServiceResult(service, str(error))
