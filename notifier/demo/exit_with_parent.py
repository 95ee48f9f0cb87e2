"""`python -m notifier.demo.exit_with_parent MODULE ARGUMENTS`: runs a module that ends with its parent process.

Standard input is a pipe that only the parent holds open. When the parent ends, even by SIGKILL, the kernel closes the
pipe; then this process sends itself SIGTERM, and exits unconditionally a little later.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

GRACE_S = 10.0


def main() -> None:
    sys.argv = sys.argv[1:]
    threading.Thread(target=_terminate_with_parent, daemon=True).start()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _terminate_with_parent() -> None:
    # Not sys.stdin: a thread blocked in its buffer would abort the interpreter's shutdown.
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    main()
