"""Every error says something a person can act on, and survives crossing a process border."""

import inspect
import pickle

import pytest

from restartmanager import errors
from restartmanager.model import (
    Application,
    AppType,
    Outcome,
    Process,
    RebootReason,
    Result,
    Step,
)
from restartmanager.model.identity import UniqueProcess
from restartmanager.rstrtmgr.codes import WinError, code_of

_PROCESS = Process(
    UniqueProcess(7, 1, "b"), 1, "app", "/bin/app", ("app",), 0, 7, 7, terminal=False
)
_FAILED = Outcome(
    Application("app", AppType.UNKNOWN, _PROCESS), Step.STOP, Result.FAILED, "it still runs"
)

EXAMPLES: list[errors.RestartManagerError] = [
    errors.UsageError("That is no path.", hint="Give a path."),
    errors.DirectoryAmongFilesError("/etc"),
    errors.DeviceAmongFilesError(["/dev/null"]),
    errors.OtherFilesError(["/opt/x"]),
    errors.MissingResourceError(files=["/x"], services=["y"]),
    errors.OutOfSequenceError("Restart", "shutdown"),
    errors.ConfigurationError("/etc/x.toml", "line 3: no such key"),
    errors.NoSuchSessionError(),
    errors.SessionEndedError(),
    errors.SessionLimitError(64),
    errors.SessionRoleError("list what is affected"),
    errors.SessionBusyError("shutdown"),
    errors.FilterNotFoundError("/bin/app"),
    errors.StoreError("/x", "it is read-only"),
    errors.StoreBusyError("/x", 10.0),
    errors.StoreDamagedError("/x", "/x.damaged", "not a database"),
    errors.StoreVersionError("/x", 9, 1),
    errors.StoreFullError("/x"),
    errors.StoreUnsafeError("/x", "others may write to it"),
    errors.PathAccessError(["/root/x"]),
    errors.PathUnresponsiveError("/mnt/dead/file"),
    errors.ProcessGoneError(7),
    errors.ProcessAccessError(7, "signal it"),
    errors.NotRestartableError(7, "it lives in another namespace"),
    errors.NotStartedError("'/bin/x' was not started: Text file busy.", passing=True),
    errors.ShutdownError([_FAILED]),
    errors.CannotComeBackError([_FAILED]),
    errors.RestartError([_FAILED]),
    errors.RefreshError([_FAILED]),
    errors.RebootNeededError(RebootReason.DETECTED_SELF, ["app (the caller itself)"]),
    errors.OperationCancelledError("Shutdown"),
    errors.UnsupportedError("Signalling by pidfd", "the kernel is older than 5.3"),
]
ABSTRACT = {
    errors.RestartManagerError,
    errors.SessionError,
    errors.ProcessError,
    errors.ActionError,
}


def all_classes() -> set[type[errors.RestartManagerError]]:
    return {
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.RestartManagerError)
    }


def test_every_class_has_an_example_here() -> None:
    assert {type(error) for error in EXAMPLES} == all_classes() - ABSTRACT


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_says_a_sentence_and_a_hint(error: errors.RestartManagerError) -> None:
    assert error.message.endswith(".")
    assert error.hint.endswith(".") or isinstance(error, errors.ProcessGoneError)
    assert "\n" not in str(error)


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_survives_pickling(error: errors.RestartManagerError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.__dict__ == error.__dict__


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_has_a_windows_code(error: errors.RestartManagerError) -> None:
    assert code_of(error) not in {None, WinError.ERROR_SUCCESS}


def test_an_action_error_names_what_failed() -> None:
    assert "app: it still runs." in str(errors.ShutdownError([_FAILED]))


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "No file '/0' exists."),
        (2, "No files '/0' and '/1' exist."),
        (5, "No files '/0', '/1', '/2', '/3' and '/4' exist."),
        (6, "No files '/0', '/1', '/2', '/3', '/4' and 1 more exist."),
        (10_000, "No files '/0', '/1', '/2', '/3', '/4' and 9995 more exist."),
    ],
)
def test_of_many_bad_names_five_are_said_and_how_many_more(count: int, words: str) -> None:
    names = [f"/{number}" for number in range(count)]
    error = errors.MissingResourceError(files=names)
    assert error.message == words
    assert error.missing == {"files": tuple(names)}
    for kind, end in (
        ("PathAccessError", ": permission denied."),
        ("DeviceAmongFilesError", "."),
        ("OtherFilesError", "."),
    ):
        message = getattr(errors, kind)(names).message
        assert message.startswith("'/0'")
        assert message.endswith(end)
        assert message.count("'/") == min(count, 5)


def test_a_bad_name_is_said_so_that_it_can_be_shown() -> None:
    error = errors.MissingResourceError(files=["/a\x1b[2J", "/" + "b" * 5000])
    assert "\x1b" not in error.message
    assert len(error.message) < 300


def test_all_names_are_public() -> None:
    assert {kind.__name__ for kind in all_classes()} == set(errors.__all__)
