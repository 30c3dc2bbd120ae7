"""The fast path of programs that are static or of musl, which they get while they run: ../v1/fast_program.c."""

import os
import signal
import subprocess
import unittest

from harness import BIN
from test_guardian import GuardianTest

# As the C library is linked: programs, and what is the loader in the distro.
PROGRAMS = ("fast_program", "fast_program-musl-static", "fast_program-musl")
MUSL = "/usr/lib/x86_64-linux-musl/libc.so"
MODES = ("works", "signals", "ids", "forks", "threads", "filter", "traced")


class FastPrograms(GuardianTest):
    version = 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.programs = [name for name in PROGRAMS if os.path.exists(f"{BIN}/{name}")]
        for name in cls.programs:
            cls.put(f"{BIN}/{name}", f"/usr/local/bin/{name}")
        if os.path.exists(MUSL):
            cls.put(MUSL, "/lib/ld-musl-x86_64.so.1")

    @classmethod
    def put(cls, path, name):
        with open(path, "rb") as file:
            cls.home.run("run", "--cd", "/", "--", f"cat > {name}; chmod 755 {name}", input=file.read(), binary=True)

    @staticmethod
    def script(name, mode, times=1):
        """A program some times, in an empty folder each."""
        return f"for i in $(seq {times}); do (cd $(mktemp -d) && {name} {mode}) || exit; done"

    def check(self, mode, times=1):
        for name in self.programs:
            with self.subTest(program=name):
                done = self.home.run("run", "--cd", "/", "--", self.script(name, mode, times))
                self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    def test_works_for_a_user(self):
        become = "setpriv --reuid=1000 --regid=1000 --clear-groups"
        self.sh("printf '#!/bin/sh\\nfor i; do (cd $(mktemp -d) && $i works) || exit; done' > /usr/local/bin/each; chmod 755 /usr/local/bin/each")
        self.assertEqual(self.sh(f"{become} each {' '.join(self.programs)}"), "")

    def test_killed_lxcore(self):
        """Where the fast path was about to be put in, nothing is put in by the next lxcore, and the program goes on."""
        for name in self.programs:
            with self.subTest(program=name):
                process = self.home.popen("run", "--cd", "/", "--", self.script(name, "waits"), stdin=subprocess.PIPE,
                                          stdout=subprocess.PIPE, text=True)
                self.assertEqual(process.stdout.readline(), "ready\n")
                self.end_lxcore(signal.SIGKILL)
                self.assertEqual(process.communicate("go\n", timeout=60)[0], "not fast\n")
                self.assertEqual(process.returncode, 0)
                # Others get it from this one.
                self.check("works")

    def test_a_file_that_only_changes_its_mode(self):
        """It goes on to share what others of its kind have, of which there isn't much."""
        touched = self.script(f"chmod 755 $(which {self.programs[0]}) && {self.programs[0]}", "works", 45)
        done = self.home.run("run", "--cd", "/", "--", touched)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    def test_lxcore_killed_at_any_time(self):
        name = self.programs[0]
        process = self.home.popen("run", "--cd", "/", "--", self.script(name, "any", 200),
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        for _ in range(10):
            self.end_lxcore(signal.SIGKILL)
        self.assertEqual((process.communicate(timeout=120)[0], process.returncode), ("", 0))

    def test_it_can_be_switched_off(self):
        self.sh("printf '[wslm]\\nfastpath=false\\n' > /etc/wsl.conf")
        self.home.ok("terminate", "deb")
        try:
            self.check("off")
        finally:
            self.sh("rm /etc/wsl.conf")
            self.home.ok("terminate", "deb")


for mode in MODES:
    setattr(FastPrograms, "test_" + mode, lambda self, mode=mode: self.check(mode, 10 if mode == "signals" else 1))

if __name__ == "__main__":
    unittest.main()
