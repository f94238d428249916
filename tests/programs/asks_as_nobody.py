"""Says, as JSON, what a user without rights learns about a file: asks_as_nobody.py PATH."""

import ctypes
import json
import os
import sys

from restartmanager.adapters.proc.files import identify
from restartmanager.adapters.scan.leases import LeaseProbe
from restartmanager.adapters.scan.unexplained import explain

NOBODY = 65534
PR_SET_DUMPABLE = 4

if __name__ == "__main__":
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    # After a change of user, /proc/self belongs to root until the process may be dumped again.
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    (resource,) = identify([sys.argv[1]], []).files
    probe = LeaseProbe()
    found = explain([resource], probe)
    evidence = [item for holder in found.holders for item in holder.evidence]
    said = {
        "verdict": probe.ask([resource])[resource],
        "holders": [(item.pid, item.how) for item in evidence],
        "reasons": [item.reason for item in found.unexplained],
    }
    sys.stdout.write(json.dumps(said))
