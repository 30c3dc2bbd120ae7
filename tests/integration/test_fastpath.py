"""The fast path of v1: a guest's loader, and nobody else, gets a patched copy of the C library."""

import unittest

from harness import DistroTest

LIBRARY = "/lib/x86_64-linux-gnu/libc.so.6"
MAPPED = "grep -c '/memfd:libc.so.6' /proc/self/maps"


class FastPath(DistroTest):
    def setUp(self):
        if not self.sh(f"ls {LIBRARY} 2>/dev/null || true"):
            self.skipTest("the distro has another C library, or has it elsewhere")

    def test_the_loader_gets_a_copy(self):
        self.assertGreater(int(self.sh(MAPPED)), 0)

    def test_everybody_else_sees_the_library(self):
        before = self.sh(f"sha256sum < {LIBRARY}; stat -Lc %i:%s:%a {LIBRARY}")
        self.assertEqual(self.sh(f"cp {LIBRARY} /tmp/copy; sha256sum < /tmp/copy; stat -Lc %i:%s:%a {LIBRARY}"), before)
        self.assertEqual(self.sh("! command -v dpkg >/dev/null || dpkg --verify libc6"), "")

    def test_a_program_that_is_linked_statically_works(self):
        self.sh("PATH=/usr/sbin:/sbin:$PATH ldconfig -p >/dev/null")

    def owners(self):
        """Of all that root and the default user find, as a set of lines."""
        # Without the host's folders.
        find = "find / -xdev -path /mnt -prune -o -printf '%U %G %m %p\\n' 2>&1"
        return set(self.sh(f"{find}; setpriv --reuid=1000 --regid=1000 --clear-groups {find}; true").splitlines())

    def test_without_it_nothing_is_different(self):
        self.sh("touch /etc/wsl.conf")
        fast = self.owners()
        self.sh("printf '[wslm]\\nfastpath=false\\n' > /etc/wsl.conf")
        self.home.ok("terminate", "deb")
        try:
            self.assertEqual(self.home.run("run", "--cd", "/", "--", MAPPED).stdout.strip(), "0")
            self.assertEqual(sorted(self.owners() ^ fast), [])
        finally:
            self.sh("rm -f /etc/wsl.conf")
            self.home.ok("terminate", "deb")


if __name__ == "__main__":
    unittest.main()
