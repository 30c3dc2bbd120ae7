"""Roots that tests make by ../foreign/make-root, kept in WSLM_TEST_CACHE."""

import os
import subprocess
import unittest

from harness import CACHE

HERE = os.path.dirname(os.path.abspath(__file__))


def made_root(recipe):
    """The tar of what the recipe (a path in tests/) makes; made when it isn't there or is older. Only root can make one:
    without, and without a tar, the test is skipped."""
    path = f"{CACHE or '/var/tmp'}/{recipe.replace('/', '-')}.tar"
    source = f"{HERE}/../{recipe}"
    fresh = os.path.exists(path) and os.stat(path).st_mtime >= os.stat(source).st_mtime
    if not fresh:
        if os.getuid() != 0:
            raise unittest.SkipTest("only root can make its root")
        done = subprocess.run([f"{HERE}/../foreign/make-root", source, path], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        if done.returncode != 0:
            raise AssertionError("its root can't be made:\n" + done.stdout[-5000:])
    return path
