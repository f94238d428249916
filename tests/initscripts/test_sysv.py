"""Services under plain SysV init: the contract, and a transaction."""

from __future__ import annotations

from restartmanager.adapters.services.initscripts.sysv import SysV
from support.scripted import Scripted

_SCRIPT = """\
#!/bin/sh
### BEGIN INIT INFO
# Provides:          {name}
# Short-Description: a daemon of the tests
### END INIT INFO
PIDFILE=/run/{name}.pid
case "$1" in
start)
    start-stop-daemon --start --quiet --background --make-pidfile --pidfile $PIDFILE \\
        --startas {program} -- {arguments} ;;
stop)
    start-stop-daemon --stop --quiet --retry TERM/60 --remove-pidfile --pidfile $PIDFILE ;;
restart)
    "$0" stop
    "$0" start ;;
reload)
    start-stop-daemon --stop --quiet --signal HUP --pidfile $PIDFILE ;;
status)
    start-stop-daemon --status --pidfile $PIDFILE ;;
*)
    exit 2 ;;
esac
"""


class TestSysV(Scripted):
    system = SysV()

    def script(self, name: str, command: str, *, needs: str = "") -> str:
        program, _, arguments = command.partition(" ")
        return _SCRIPT.format(name=name, program=program, arguments=arguments)

    def failing_script(self) -> str:
        return "#!/bin/sh\n[ $1 = status ] && exit 3\necho no licence >&2\nexit 6\n"
