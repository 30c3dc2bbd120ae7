"""rpm in v1: packages with all kinds of owners, bits, capabilities and scripts, as on the bare kernel."""

import os
import subprocess
import tempfile
import unittest

from harness import DistroTest
from roots import HERE, made_root

# Of 24.
PARTS = os.environ.get("WSLM_TEST_RPM_PARTS", "24")


@unittest.skipUnless(os.getuid() == 0, "the bare kernel's answer needs root")
class Rpm(DistroTest):
    version = 1

    @classmethod
    def archive(cls):
        return made_root("rpm/recipe")

    def test_it_does_what_it_does_on_the_bare_kernel(self):
        with open(HERE + "/../rpm/check.sh", encoding="utf-8") as file:
            script = f"exec 2>&1 </dev/null\nPARTS={PARTS}\n" + file.read()
        with tempfile.TemporaryDirectory(prefix="wslm-bare-", dir="/var/tmp") as root:
            subprocess.run(["tar", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-xpf", self.archive(), "-C", root], check=True)
            with open(root + "/check.sh", "w", encoding="utf-8") as file:
                file.write(script)
            bare = subprocess.run([HERE + "/../v1/bare-root", root, "bash", "/check.sh"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, text=True, timeout=600).stdout
        self.home.ok("run", "--cd", "/", "--", "cat > /check.sh", input=script)
        ours = self.home.ok("run", "--cd", "/", "--", "LANG=C TERM=dumb exec bash /check.sh", timeout=600)
        self.assertIn(f"part{int(PARTS):02}-1", bare)
        self.assertIn(".....UG..    /usr/bin/part01", bare)
        self.maxDiff = None
        self.assertEqual(ours, bare)


if __name__ == "__main__":
    unittest.main()
