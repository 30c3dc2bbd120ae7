"""Random system calls, as a user and as root of a v1 distro, neither end lxcore, nor stop it, nor lead it astray.

FUZZ_SECONDS (15) for each of the two; FUZZ_SEED to begin with; FUZZ_PROGRAMS: a folder with the wslm-lxcore to be tried.
"""

import os
import unittest

from harness import BIN
from test_guardian import GuardianTest

SECONDS = int(os.environ.get("FUZZ_SECONDS", "15"))
SEED = os.environ.get("FUZZ_SEED", "")


class SyscallFuzz(GuardianTest):
    env = {"WSLM_LIBEXEC": os.environ["FUZZ_PROGRAMS"]} if "FUZZ_PROGRAMS" in os.environ else {}

    def test_random_calls(self):
        with open(BIN + "/syscall_fuzz", "rb") as file:
            self.home.run("run", "--cd", "/", "--", "cat > /usr/local/bin/syscall_fuzz; chmod 755 /usr/local/bin/syscall_fuzz",
                          input=file.read(), binary=True)
        self.sh("useradd -m -s /bin/bash -u 1000 ann; mkdir -m 1777 /var/tmp/fuzz")
        lxcore = self.lxcore()
        # Root's last: it may well spoil the distro.
        for user in ("ann", "root"):
            run = self.home.run("run", "-u", user, "--cd", "/var/tmp/fuzz", "--", f"exec syscall_fuzz {SECONDS} {SEED}",
                                timeout=SECONDS + 120)
            self.assertEqual(run.returncode, 0, run.stdout + run.stderr + self.log()[-3000:])
            print(user, run.stdout.replace("\n", " "))
            self.assertEqual(self.lxcore(), lxcore, run.stdout + self.log()[-3000:])


del GuardianTest

if __name__ == "__main__":
    unittest.main()
