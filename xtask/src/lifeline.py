"""Runs a command, and ends it with all that it started as soon as standard input closes.

Whoever holds the other end of that pipe needs to do nothing for it: the system closes the pipe however they die.
This process leads a process group of its own, so what the command starts can be found again by it.
"""

import os
import signal
import subprocess
import sys
import threading
import time

# A handler, not SIG_IGN: that one would be inherited by the command.
signal.signal(signal.SIGTERM, lambda *_: None)
command = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)


def pass_on_the_exit_code():
    code = command.wait()
    os.killpg(0, signal.SIGTERM)
    os._exit(code if code >= 0 else 128 - code)


threading.Thread(target=pass_on_the_exit_code, daemon=True).start()
while os.read(0, 1024):
    pass
os.killpg(0, signal.SIGTERM)
time.sleep(3)  # It ends earlier, with the command.
os.killpg(0, signal.SIGKILL)
