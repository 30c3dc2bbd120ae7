"""v1 against the kernel: each script of ../v1/checks is run by root on the bare kernel and by lxcore's root, in the same
Debian, and says the same."""

import glob
import os
import re
import subprocess
import tempfile
import unittest

from harness import ROOT, DistroTest

HERE = os.path.dirname(os.path.abspath(__file__))
CHECKS = sorted(glob.glob(HERE + "/../v1/checks/*.sh"))
BARE = HERE + "/../v1/bare-root"


def steady(text):
    """Without what differs between two runs of anything."""
    return re.sub(r"tmp\.\w+", "tmp.X", text)


@unittest.skipUnless(os.getuid() == 0, "the bare kernel's answer needs root")
class Conformance(DistroTest):
    version = 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory(prefix="wslm-bare-", dir="/var/tmp")
        cls.addClassCleanup(folder.cleanup)
        cls.bare = folder.name
        subprocess.run(["tar", "--numeric-owner", "-xpf", ROOT, "-C", cls.bare], check=True)

    def check(self, script):
        with open(script, encoding="utf-8") as file:
            text = file.read()
        with open(self.bare + "/check.sh", "w", encoding="utf-8") as file:
            file.write(text)
        bare = subprocess.run([BARE, self.bare, "bash", "-c", "exec 2>&1; . /check.sh"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True, timeout=120)
        self.home.ok("run", "--cd", "/", "--", "cat > /check.sh", input=text)
        ours = self.home.run("run", "--cd", "/", "--", "LANG=C TERM=dumb exec bash -c 'exec 2>&1; . /check.sh'",
                             timeout=120)
        self.assertGreater(len(bare.stdout.splitlines()), 10, "the check does not work on the bare kernel")
        self.maxDiff = None
        self.assertEqual(steady(ours.stdout), steady(bare.stdout))


def add(script):
    name = os.path.basename(script)[:-len(".sh")]
    setattr(Conformance, "test_" + name, lambda self: self.check(script))


for path in CHECKS:
    add(path)

if __name__ == "__main__":
    unittest.main()
