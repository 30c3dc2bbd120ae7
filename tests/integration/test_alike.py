"""Version 1 and version 2 are alike to who uses them: one suite for both, and a list of what is different."""

import os
import unittest

from alike_distros import Distros
from alike_sessions import Sessions
from differences import DIFFERENCES, PAGE, page
from harness import DistroTest


class Alike(Sessions, Distros, DistroTest):
    @classmethod
    def setUpClass(cls):
        if cls is Alike:
            raise unittest.SkipTest("a base")
        super().setUpClass()
        cls.add_user("ann", 1000)

    def test_the_differences_are_those_of_the_list(self):
        folder = self.home.folder("shared")
        with open(f"{folder}/file", "w", encoding="utf-8") as file:
            os.fchown(file.fileno(), self.home.uid, self.home.gid)
        found = {}
        for difference in DIFFERENCES:
            if difference.conf:
                self.start_with(difference.conf)
            found[difference.what] = difference.look(self, folder)
        self.assertEqual(found, {difference.what: difference.answers[self.version - 1] for difference in DIFFERENCES})


class V1(Alike):
    version = 1


class V2(Alike):
    version = 2

    def test_a_second_distro_cannot_see_the_firsts_files_or_processes(self):
        self.home.ok("import", "other", os.environ["WSLM_TEST_ROOT"], "--version", "2", "--isolated")
        self.addCleanup(self.home.ok, "unregister", "other", "--purge")
        self.sh("echo mine > /root/only-here; nohup sleep 4713 >/dev/null 2>&1 &")
        out = self.home.run("-d", "other", "--cd", "/", "cat /root/only-here; cat /proc/[0-9]*/cmdline; ls /dev/sd* /sys/block 2>&1")
        self.assertNotIn("mine", out.stdout)
        self.assertNotIn("4713", out.stdout)
        # Nor the host's, also as root and with the device that they come through.
        out = self.home.run("-d", "other", "--cd", "/", "ls /mnt/host/etc; mount -t 9p -o trans=virtio,version=9p2000.L host /mnt && ls /mnt")
        self.assertNotEqual(out.returncode, 0)
        self.assertEqual(out.stdout, "")


class Page(unittest.TestCase):
    def test_it_is_made_of_the_list(self):
        with open(PAGE, encoding="utf-8") as file:
            self.assertEqual(file.read(), page(), "make it anew: python3 tests/integration/differences.py")


if __name__ == "__main__":
    unittest.main()
