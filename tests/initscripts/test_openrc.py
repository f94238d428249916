"""Services under OpenRC: the contract, and a transaction."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from restartmanager.adapters.services.initscripts.openrc import OpenRC
from restartmanager.model import Hold, ServiceState
from restartmanager.model.progress import CancelToken
from support.scripted import Scripted

if TYPE_CHECKING:
    from restartmanager.model import Service

_SCRIPT = """\
#!/sbin/openrc-run
command="{program}"
command_args="{arguments}"
command_background=yes
pidfile=/run/{name}.pid
retry=TERM/60
extra_started_commands="reload"
depend() {{
    {depend}
}}
reload() {{
    start-stop-daemon --stop --signal HUP --pidfile "$pidfile"
}}
"""
_SUPERVISED = """\
#!/sbin/openrc-run
supervisor=supervise-daemon
command="{program}"
command_args="{arguments}"
"""


class TestOpenRC(Scripted):
    system = OpenRC()

    def script(self, name: str, command: str, *, needs: str = "") -> str:
        program, _, arguments = command.partition(" ")
        depend = f"need {needs}" if needs else ":"
        return _SCRIPT.format(name=name, program=program, arguments=arguments, depend=depend)

    def failing_script(self) -> str:
        return "#!/sbin/openrc-run\nstart() {\n    return 1\n}\n"

    def dependent_on(self, service: Service) -> Service:
        dependent = self.stopped(needs=service.name)
        # it compares times by the second, and so may not see what was written just now
        subprocess.run(["/sbin/rc-update", "--update"], check=True)
        return self._begin(dependent)

    def test_what_a_supervisor_looks_after_stays_stopped(self) -> None:
        """Though it would start it again, were it only killed."""
        program, _, arguments = self.daemons.command().partition(" ")
        text = _SUPERVISED.format(program=program, arguments=arguments)
        service = self._install("supervised", text)
        with CancelToken() as cancel:
            (result,) = self.manager().start({service: Hold()}, cancel=cancel)
            assert result.done
            pid = self.daemons.next_ready()
            main = self._main(service)
            assert main.pid == pid
            child = self.daemons.child_of(pid)
            owners = self.manager().owners([self.processes().describe(main), child])
            assert set(owners.values()) == {service}
            (result,) = self.manager().stop(
                {service: Hold()}, patience_s=20, force=False, cancel=cancel
            )
        assert result.done
        assert self._facts(service).state is ServiceState.INACTIVE
        assert not self.processes().is_alive(main)
        assert not self.processes().is_alive(child.identity)
