"""The rules of docs/explanation/security.md taken out, one line at a time.

Each mutation names the rule, the place, and a test of that rule which has to fail without it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutation:
    """One line of the product, and what it is without the rule."""

    rule: int
    module: str
    line: str
    without: str
    test: str

    def __str__(self) -> str:
        return f"{self.rule}-{self.test.rpartition('::')[2].removeprefix('test_')}"


RECIPES = "tests/integration/adapters/processes/test_recipes.py::"
TROUBLE = "tests/integration/adapters/store/test_store_trouble.py::"
LAUNCHER = "tests/integration/adapters/processes/test_launcher.py::"
REGISTRATION = "tests/integration/app/test_registering.py::"
HOSTILE = "tests/cli/test_hostile_text.py::"
TREES = "tests/unit/adapters/proc/test_trees.py::"
RULE = "tests/unit/rules/test_trust.py::"
WAYS = "tests/integration/adapters/proc/test_ways.py::"
TRUST = "tests/integration/adapters/processes/test_trust.py::"
OBSTACLE = "tests/unit/engine/test_restart_obstacle.py::"
TRANSACTION = "tests/unit/engine/test_transaction.py::"

MUTATIONS = (
    Mutation(
        1,
        "adapters/packages.py",
        "if not isinstance(name, str) or not _NAME.match(name):",
        "if not isinstance(name, str):",
        "tests/integration/adapters/test_packages.py::test_what_is_no_name_reaches_no_command",
    ),
    Mutation(
        1,
        "adapters/processes/recipes.py",
        "            executable=executable,",
        "            executable=arguments[0],",
        RECIPES + "test_a_registration_gives_the_arguments_and_never_the_program",
    ),
    Mutation(
        1,
        "adapters/processes/recipes.py",
        "        if path.endswith(DELETED) and not self._is_program(ways.to_file(path).facts):",
        "        if path.endswith(DELETED) and not os.path.exists(path):",
        RECIPES + "test_a_file_placed_where_the_remark_points_is_not_taken",
    ),
    Mutation(
        2,
        "model/escaping.py",
        "    if text.isprintable():",
        "    if text:",
        "tests/cli/test_text.py::test_nothing_that_a_terminal_obeys_gets_through",
    ),
    Mutation(
        2,
        "model/errors.py",
        "        message = escape(message)  # it may name a process, or a path",
        "",
        HOSTILE + "test_errors",
    ),
    Mutation(
        2,
        "api/questions.py",
        'return escape("; ".join(',
        'return str("; ".join(',
        HOSTILE + "test_the_note_on_an_error",
    ),
    Mutation(
        2,
        "cli/output/stale.py",
        'text = f"{escape(item.path)} (',
        'text = f"{item.path} (',
        HOSTILE + "test_lists",
    ),
    Mutation(
        2,
        "adapters/scan/sockets.py",
        "            found.pop(inode, None)",
        "            pass",
        "tests/unit/adapters/scan/test_targets.py::test_a_line_feed_in_a_socket_name_forges_nothing",
    ),
    Mutation(
        3,
        "adapters/processes/pidfds.py",
        "or facts.start_ticks != self._identity.start_ticks or",
        "or",
        "tests/integration/adapters/processes/test_processes.py"
        "::test_a_process_that_only_has_the_number_is_never_signalled",
    ),
    Mutation(
        3,
        "adapters/processes/recipes.py",
        "or facts.start_ticks != process.identity.start_ticks:",
        "or not facts.start_ticks:",
        RECIPES + "test_no_recipe_for_another_process_with_the_number",
    ),
    Mutation(
        3,
        "adapters/proc/procfs.py",
        "    if process.identity != identity:",
        "    if process.identity.pid != identity.pid:",
        "tests/unit/adapters/proc/test_procfs.py::test_another_boot_is_another_process",
    ),
    Mutation(
        4,
        "adapters/scan/leases.py",
        "        if not stat.S_ISREG(facts.st_mode):",
        "        if stat.S_ISDIR(facts.st_mode):",
        "tests/integration/adapters/scan/test_leases.py::test_what_is_no_regular_file_is_not_opened",
    ),
    Mutation(
        4,
        "adapters/proc/files.py",
        'if _is_regular(looked) else b""',
        'if looked else b""',
        "tests/integration/adapters/scan/test_leases.py::test_what_is_no_regular_file_is_not_opened",
    ),
    Mutation(
        4,
        "adapters/scan/leases.py",
        "        if expected is not None and (expected.device, expected.inode) != (",
        "        if expected is not None and (facts.st_dev, facts.st_ino) != (",
        "tests/integration/adapters/scan/test_leases.py::test_a_link_that_was_turned_elsewhere_is_not_opened_there",
    ),
    Mutation(
        4,
        "adapters/processes/registrations.py",
        "    if mount is None or mount != _mount_of_memfds():",
        "    if mount is None:",
        REGISTRATION + "test_a_file_that_is_only_called_like_a_memfd_is_not_opened",
    ),
    Mutation(
        4,
        "adapters/processes/recipes.py",
        '        return complete and self._read("auxv") == self._auxiliary',
        "        return complete",
        RECIPES + "test_running_another_program_is_noticed",
    ),
    Mutation(
        4,
        "adapters/proc/trees.py",
        "_LISTED = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | ",
        "_LISTED = os.O_RDONLY | os.O_DIRECTORY | ",
        TREES + "test_a_folder_that_is_exchanged_with_a_link_leads_nowhere",
    ),
    Mutation(
        4,
        "adapters/proc/trees.py",
        "step = os.open(name, _FOLDER, dir_fd=held)",
        "step = os.open(name, os.O_PATH | os.O_DIRECTORY, dir_fd=held)",
        TREES + "test_a_folder_that_is_exchanged_far_above_is_not_come_back_to",
    ),
    Mutation(
        4,
        "adapters/proc/trees.py",
        "            _close(self._way[-_OPEN - 1])",
        "            pass",
        TREES + "test_a_deep_tree_takes_few_descriptors",
    ),
    Mutation(
        4,
        "adapters/proc/trees.py",
        "facts = os.stat(name, dir_fd=descriptor, follow_symlinks=False)",
        "facts = os.stat(name, dir_fd=descriptor)",
        TREES + "test_single_things_are_looked_at_without_following_links",
    ),
    Mutation(
        4,
        "adapters/scan/targets.py",
        "    leads.look_up((file.path for file in resources.files if",
        "    leads.look_up((file.path for file in files if",
        TREES + "test_what_was_recorded_is_not_found_behind_a_link",
    ),
    Mutation(
        4,
        "adapters/scan/targets.py",
        "        return Target(path, recorded, now if this else None)",
        "        return Target(path, recorded, now)",
        TREES + "test_what_was_recorded_is_not_found_behind_a_link",
    ),
    Mutation(
        4,
        "adapters/scan/targets.py",
        "real_path_of(path) or path}",
        "os.path.realpath(path)}",
        TREES + "test_a_folder_turned_to_a_link_after_it_was_registered_leads_nowhere",
    ),
    Mutation(
        4,
        "rules/links.py",
        "    makers = {link.owner, link.folder_owner} - ",
        "    makers = {link.folder_owner} - ",
        TREES + "test_a_strangers_link_to_the_folder_of_another_is_not_followed",
    ),
    Mutation(
        4,
        "rules/links.py",
        "    makers = {link.owner, link.folder_owner} - ",
        "    makers = {link.owner} - ",
        TREES + "test_a_link_in_a_strangers_folder_is_theirs_whoever_made_it",
    ),
    Mutation(
        4,
        "adapters/processes/recipes.py",
        "        complete = not self._in_execve and ",
        "        complete = ",
        "tests/unit/adapters/processes/test_recipes.py::test_arguments_and_variables_are_awaited",
    ),
    Mutation(
        5,
        "adapters/proc/roots.py",
        '        if passed == ["proc"] and name in _SELF and start.endswith("root"):',
        "        if not name:",
        "tests/integration/adapters/scan/test_scanner.py::test_a_descriptors_number_means_the_one_of_that_process",
    ),
    Mutation(
        5,
        "adapters/proc/roots.py",
        '                start, passed = base + "root", []\n            names',
        "                return os.stat(text)\n            names",
        "tests/unit/adapters/scan/test_targets.py::test_no_path_leads_out_of_the_root_of_another_process",
    ),
    Mutation(
        6,
        "rules/policy.py",
        "        return any(executable.startswith(",
        "        return bool(self.folders) or any(executable.startswith(",
        "tests/unit/rules/test_applications.py::test_the_shipped_policy_lets_ordinary_programs_be_stopped",
    ),
    Mutation(
        7,
        "adapters/store/folder.py",
        "    if found.st_mode & 0o077:",
        "    if found.st_mode & 0o007 == 0o007:",
        TROUBLE + "test_a_folder_that_others_can_reach_is_refused",
    ),
    Mutation(
        7,
        "adapters/store/folder.py",
        "    if stat.S_ISLNK(found.st_mode):",
        "    if not found.st_mode:",
        TROUBLE + "test_a_symbolic_link_in_place_of_the_file_is_refused",
    ),
    Mutation(
        7,
        "adapters/store/folder.py",
        "        why = why or Ways(os.geteuid()).to_working_directory(there).risk",
        "",
        TROUBLE + "test_a_folder_below_one_of_somebody_else_is_refused",
    ),
    Mutation(
        7,
        "adapters/store/folder.py",
        "    if found.st_nlink != 1:",
        "    if not found.st_nlink:",
        TROUBLE + "test_a_file_with_a_second_name_is_refused",
    ),
    Mutation(
        7,
        "adapters/store/folder.py",
        "os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW",
        "os.O_RDWR | os.O_CREAT",
        TROUBLE + "test_a_symbolic_link_in_place_of_the_lock_is_refused",
    ),
    Mutation(
        7,
        "adapters/store/folder.py",
        "        why = why or Ways(",
        "        why = why or missing and Ways(",
        TROUBLE + "test_a_folder_that_a_group_could_replace_is_refused",
    ),
    Mutation(
        7,
        "adapters/store/folder.py",
        "                _safe_facts(companion)",
        "                pass",
        TROUBLE + "test_what_is_left_beside_no_memory_is_not_read",
    ),
    Mutation(
        7,
        "adapters/store/folder.py",
        '_COMPANIONS = ("journal", "wal", "shm")',
        '_COMPANIONS = ("journal",)',
        TROUBLE + "test_what_somebody_left_beside_the_memory_is_not_read",
    ),
    Mutation(
        7,
        "adapters/store/folder.py",
        "    if found.st_mode & _WRITTEN_BY_OTHERS:",
        "    if not found.st_mode:",
        TROUBLE + "test_a_file_that_others_may_write_is_refused",
    ),
    Mutation(
        7,
        "adapters/store/folder.py",
        "            why = _why_file_unsafe(os.fstat(descriptor))",
        '            why = ""',
        TROUBLE + "test_a_lock_with_a_second_name_is_refused",
    ),
    Mutation(
        7,
        "adapters/store/connection.py",
        '    "PRAGMA secure_delete = ON",',
        '    "PRAGMA secure_delete = OFF",',
        TROUBLE + "test_captured_environments_are_erased_with_the_session",
    ),
    Mutation(
        7,
        "adapters/bpf/kernel_layout.py",
        "or about.st_uid != os.geteuid() or writable:",
        "or about.st_uid != os.geteuid():",
        "tests/unit/adapters/bpf/test_kernel_layout.py::test_a_file_that_others_may_write_is_passed_over",
    ),
    Mutation(
        8,
        "engine/engine.py",
        "        if self.is_abandoned(record):\n            raise NoSuchSessionError(",
        "        if not record:\n            raise NoSuchSessionError(",
        TRANSACTION + "test_nobody_can_join_an_abandoned_session",
    ),
    Mutation(
        8,
        "adapters/store/folder.py",
        "    if found.st_uid != os.geteuid():",
        "    if found.st_uid < 0:",
        "tests/integration/adapters/scan/test_strangers.py::test_a_stranger_gets_nowhere_and_disturbs_nobody",
    ),
    Mutation(
        9,
        "adapters/processes/launcher.py",
        "        os.setgroups(groups)",
        "        pass",
        LAUNCHER + "test_root_starts_a_users_program_with_nothing_of_roots",
    ),
    Mutation(
        9,
        "adapters/processes/launcher.py",
        "    os.setresuid(uid, uid, uid)\n    _verify",
        "    _verify",
        "tests/integration/adapters/scan/test_strangers.py"
        "::test_what_root_brings_back_for_a_stranger_is_the_strangers",
    ),
    Mutation(
        9,
        "adapters/processes/launcher.py",
        "        new_keyring()",
        "        pass",
        LAUNCHER + "test_the_program_gets_keys_of_its_own",
    ),
    Mutation(
        9,
        "adapters/processes/recipes.py",
        "        self._check_restrictions(status)",
        "",
        RECIPES + "test_a_sandbox_cannot_be_left_by_being_started_again",
    ),
    Mutation(
        9,
        "adapters/processes/recipes.py",
        "        if auxiliary.get(_AT_SECURE) != 0 and started_as != (uid, gid):",
        "        if not auxiliary:",
        RECIPES + "test_a_set_user_id_program_that_became_its_owner_is_refused",
    ),
    Mutation(
        9,
        "adapters/processes/registrations.py",
        "        if found is not None and found[0] == process.identity:",
        "        if found is not None:",
        REGISTRATION + "test_a_forked_child_is_not_registered",
    ),
    Mutation(
        9,
        "adapters/processes/recipes.py",
        "        if is_root and gained:",
        "        if False:",
        RECIPES + "test_a_sandbox_cannot_be_left_by_being_started_again",
    ),
    Mutation(
        9,
        "adapters/processes/recipes.py",
        "        if lost:",
        "        if False:",
        RECIPES + "test_a_sandbox_cannot_be_left_by_being_started_again",
    ),
    Mutation(
        9,
        "adapters/processes/recipes.py",
        '"uts", "cgroup", "time"),',
        '"uts"),',
        RECIPES + "test_a_sandbox_cannot_be_left_by_being_started_again",
    ),
    Mutation(
        10,
        "adapters/processes/recipes.py",
        "        if len(text) > limit:",
        "        if not limit:",
        RECIPES + "test_an_environment_without_end_is_refused",
    ),
    Mutation(
        10,
        "adapters/proc/procfs.py",
        "        limit -= len(part)",
        "",
        "tests/unit/adapters/proc/test_procfs.py::test_reading_is_bounded",
    ),
    Mutation(
        10,
        "app/registration.py",
        "    except (ValueError, RecursionError):\n        return None",
        "    except ValueError:\n        return None",
        "tests/unit/app/test_registration.py::test_hostile_bytes_are_none",
    ),
    Mutation(
        11,
        "adapters/scan/proc_scan.py",
        "PermissionError):\n            self._not_inspectable += 1",
        "PermissionError):\n            return",
        "tests/integration/adapters/scan/test_scanner.py::test_an_ordinary_user_sees_his_own_and_counts_the_others",
    ),
    Mutation(
        12,
        "api/settings.py",
        "    if os.geteuid() == 0:\n        return folders",
        "",
        "tests/integration/adapters/scan/test_strangers.py::test_root_reads_and_writes_nothing_in_a_home_folder",
    ),
    Mutation(
        12,
        "adapters/policy_files.py",
        "    except (ValueError, RecursionError) as error:  # also: a number of 5,000 digits",
        "    except tomllib.TOMLDecodeError as error:",
        "tests/unit/rules/test_policy.py::test_names_file_place_and_reason",
    ),
    Mutation(
        12,
        "api/settings.py",
        '        raise _wrong(variable, "Give an absolute path.")',
        '        _wrong(variable, "Give an absolute path.")',
        "tests/cli/test_trouble.py::test_a_relative_state_folder",
    ),
    Mutation(
        12,
        "adapters/policy_files.py",
        "        if risk:",
        "        if not found:",
        "tests/unit/rules/test_policy.py"
        "::test_a_file_below_a_folder_that_others_could_write_is_refused",
    ),
    Mutation(
        13,
        "adapters/services/systemd/dbus.py",
        "        if peer_of(bus._socket).uid != owner:",
        "        if peer_of(bus._socket).uid < 0:",
        "tests/integration/adapters/services/test_dbus.py::test_somebody_elses_manager_is_not_spoken_to",
    ),
    Mutation(
        13,
        "rules/services.py",
        "        if self.uid not in {0, facts.service.user}:",
        "        if self.uid < 0:",
        "tests/unit/rules/test_services.py::test_only_root_and_its_owner_may_stop_a_service",
    ),
    Mutation(
        14,
        "adapters/processes/channel_sockets.py",
        " or found.st_uid != uid or not private:",
        " or found.st_uid != uid:",
        "tests/integration/adapters/processes/test_channels_hostile.py"
        "::test_a_folder_that_others_can_enter_is_not_looked_into",
    ),
    Mutation(
        15,
        "adapters/desktop/x11_helper.py",
        "    os.setresuid(uid, uid, uid)",
        "    return",
        "tests/integration/adapters/desktop/test_windows.py::test_nothing_is_said_to_a_display_with_roots_rights",
    ),
    Mutation(
        16,
        "adapters/desktop/entry_places.py",
        "        if risk_of(path, found, os.geteuid()):",
        "        if not found:",
        "tests/integration/adapters/desktop/test_entry_places.py"
        "::test_root_does_not_believe_an_entry_of_somebody_else",
    ),
    Mutation(
        16,
        "adapters/desktop/entry_places.py",
        "    if os.geteuid() == 0:\n        return SYSTEM_FOLDERS",
        "",
        "tests/integration/adapters/desktop/test_entry_places.py::test_root_looks_into_the_systems_folders_only",
    ),
    Mutation(
        16,
        "adapters/desktop/entry_places.py",
        "        if risk_of(path, found, os.geteuid()):",
        "        if not found:",
        "tests/integration/adapters/desktop/test_entry_places.py"
        "::test_an_entry_that_others_can_exchange_is_not_believed",
    ),
    Mutation(
        17,
        "adapters/services/initscripts/script_facts.py",
        "    if risk_of(path, facts, process.uid):",
        "    if facts.st_uid not in {0, process.uid} or facts.st_mode & 0o002:",
        "tests/integration/adapters/services/test_service_files.py"
        "::test_a_pid_file_that_somebody_could_exchange_names_nobody",
    ),
    Mutation(
        17,
        "adapters/services/initscripts/script_files.py",
        "    return facts.st_uid == 0 and not facts.st_mode & 0o022",
        "    return facts.st_uid == 0",
        "tests/integration/adapters/services/test_service_files.py::test_only_what_root_alone_can_write_is_a_script",
    ),
    Mutation(
        18,
        "rules/trust.py",
        "        if not self._is_trusted(folder.uid):",
        "        if folder.missing:",
        RULE + "test_who_may_write_to_a_folder",
    ),
    Mutation(
        18,
        "rules/trust.py",
        "            return gid == 0",
        "            return True",
        RULE + "test_who_may_write_to_a_folder",
    ),
    Mutation(
        18,
        "rules/trust.py",
        "        if entry.missing:",
        "        if not entry.path:",
        RULE + "test_in_a_sticky_folder_each_entry_is_its_owners",
    ),
    Mutation(
        18,
        "rules/trust.py",
        "        if not self._is_trusted(entry.uid):",
        "        if not entry.path:",
        RULE + "test_in_a_sticky_folder_each_entry_is_its_owners",
    ),
    Mutation(
        18,
        "rules/trust.py",
        " and entry.names > 1:",
        " and not entry.names:",
        RULE + "test_another_name_for_a_file_of_roots_proves_nothing",
    ),
    Mutation(
        18,
        "adapters/proc/ways.py",
        "_LOOK = os.O_PATH | os.O_NOFOLLOW",
        "_LOOK = os.O_PATH",
        WAYS + "test_a_link_in_a_sticky_folder_is_its_owners",
    ),
    Mutation(
        18,
        "adapters/proc/ways.py",
        "server_of_mount(mount)",
        "0",
        WAYS + "test_a_file_system_of_somebody_else_is_not_asked",
    ),
    Mutation(
        18,
        "adapters/proc/ways.py",
        '        if path.startswith("/proc/"):',
        "        if not path:",
        WAYS + "test_what_means_something_else_to_each_process",
    ),
    Mutation(
        18,
        "adapters/proc/mounts.py",
        '    options = rest.rpartition(b" ")[2]',
        "    options = rest",
        WAYS + "test_whose_a_file_system_is",
    ),
    Mutation(
        18,
        "adapters/proc/writers.py",
        "        if tag in {_USER, _OWNING_GROUP, _GROUP}",
        "        if tag in {_OWNING_GROUP, _GROUP}",
        WAYS + "test_access_control_lists",
    ),
    Mutation(
        18,
        "adapters/proc/writers.py",
        "(*_numbers(group.gr_mem), *(_whose_first_group(gid) if gid else ()))",
        "_numbers(group.gr_mem)",
        WAYS + "test_who_is_in_a_group",
    ),
    Mutation(
        18,
        "adapters/processes/trust.py",
        "    yield ways.to_working_directory(recipe.directory).risk",
        "",
        TRUST + "test_a_working_directory_of_somebody_else",
    ),
    Mutation(
        18,
        "adapters/processes/trust.py",
        "        yield from _risks_of(code, ways)",
        "        yield str()",
        TRUST + "test_a_script_that_somebody_else_could_have_made",
    ),
    Mutation(
        18,
        "adapters/processes/trust.py",
        "    if code.beside and folder:",
        "    if code.beside and not folder:",
        TRUST + "test_modules_beside_a_script_of_python",
    ),
    Mutation(
        18,
        "rules/loading.py",
        "        yield from _python(executable, arguments, scripts, environment)",
        "        yield from ()",
        TRUST + "test_an_environment_of_python_that_was_made_anew",
    ),
    Mutation(
        18,
        "rules/loading.py",
        "_VARIABLES = _LINKER | _INTERPRETERS | _TOOLKITS",
        "_VARIABLES = _TOOLKITS",
        TRUST + "test_code_that_a_variable_names",
    ),
    Mutation(
        18,
        "adapters/processes/starting.py",
        "    _insist_on_trust(recipe)\n    with",
        "    with",
        TRUST + "test_what_somebody_else_could_have_changed_is_not_started",
    ),
    Mutation(
        18,
        "adapters/processes/starting.py",
        "                _insist_on_trust(recipe)  # that may have taken a while",
        "",
        TRUST + "test_what_was_handed_over_while_the_new_process_waited_is_not_started",
    ),
    Mutation(
        19,
        "engine/recipes.py",
        "processes.risk(recipe) if recipe is not None else",
        "",
        OBSTACLE + "test_a_shutdown_touches_nothing",
    ),
    Mutation(
        19,
        "rules/plan.py",
        "    if lost and not mode.partial:",
        "    if lost and mode.only_registered:",
        OBSTACLE + "test_a_shutdown_touches_nothing",
    ),
    Mutation(
        19,
        "engine/close.py",
        "        if handles and application.restart_obstacle",
        "        if not handles and application.restart_obstacle",
        OBSTACLE + "test_what_comes_up_while_others_are_asked_is_not_closed_either",
    ),
    Mutation(
        19,
        "rules/relaunch.py",
        "    return replace(application, restart_by=RestartBy.NONE, restart_obstacle=why)",
        "    return replace(application, restart_obstacle=why)",
        OBSTACLE + "test_a_refresh_leaves_it_alone",
    ),
)
