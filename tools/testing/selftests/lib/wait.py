# SPDX-License-Identifier: GPL-2.0
"""Polling with a deadline: the machine may be slow, so no test sleeps and hopes."""

import time

# Long enough for an emulated guest on a busy host; only a failure waits it out.
PATIENCE = 20.0


def wait_for(condition, what, timeout=PATIENCE, pause=0.01):
    """Poll until `condition()` is true and return its value, or fail saying `what`.

    `what` may be a function, for a message that tells the state at the end.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            what = what() if callable(what) else what
            raise AssertionError(f"no {what} within {timeout:.0f} s")
        time.sleep(pause)
