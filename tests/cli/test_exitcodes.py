"""The table of exit statuses is complete, and says what the design says."""

import pytest

from restartmanager import errors
from restartmanager.cli.exitcodes import ExitCode, _codes, code_of
from restartmanager.model import RebootReason

EXPECTED = {
    "ActionError": 3,
    "CannotComeBackError": 3,
    "ConfigurationError": 2,
    "DeviceAmongFilesError": 2,
    "DirectoryAmongFilesError": 2,
    "FilterNotFoundError": 1,
    "MissingResourceError": 2,
    "OtherFilesError": 2,
    "NoSuchSessionError": 6,
    "NotRestartableError": 3,
    "NotStartedError": 3,
    "OperationCancelledError": 7,
    "OutOfSequenceError": 2,
    "PathAccessError": 5,
    "PathUnresponsiveError": 8,
    "ProcessAccessError": 5,
    "ProcessError": 3,
    "ProcessGoneError": 2,
    "RebootNeededError": 4,
    "RestartError": 3,
    "RefreshError": 3,
    "RestartManagerError": 8,
    "SessionBusyError": 8,
    "SessionEndedError": 6,
    "SessionError": 8,
    "SessionLimitError": 8,
    "SessionRoleError": 5,
    "ShutdownError": 3,
    "StoreBusyError": 8,
    "StoreDamagedError": 8,
    "StoreError": 8,
    "StoreFullError": 8,
    "StoreUnsafeError": 8,
    "StoreVersionError": 8,
    "UnsupportedError": 8,
    "UsageError": 2,
}


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_has_its_status(name: str) -> None:
    kind: type[Exception] = getattr(errors, name)
    error = kind.__new__(kind)
    assert code_of(error) == EXPECTED[name]


def test_no_entry_hides_another() -> None:
    for place, (kind, _) in enumerate(_codes()):
        hidden = [later for later, _ in _codes()[place + 1 :] if issubclass(later, kind)]
        assert not hidden, f"{kind} hides {hidden}"


def test_errors_of_others() -> None:
    assert code_of(ZeroDivisionError()) is ExitCode.UNUSABLE
    assert code_of(KeyboardInterrupt()) == 130
    assert code_of(BrokenPipeError()) == 141
    assert code_of(PermissionError()) == 5
    assert code_of(errors.RebootNeededError(RebootReason.CRITICAL_PROCESS, ["x"])) == 4
