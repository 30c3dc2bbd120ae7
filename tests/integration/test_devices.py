"""Devices of a v1 distro."""

import glob
import os
import unittest

from harness import DistroTest, user


class Devices(DistroTest):
    version = 1

    def test_a_node_that_is_made_is_served_or_has_no_device(self):
        self.sh("cd /root; mknod null c 1 3; mknod zero c 1 5; mknod none c 10 77; mknod disk b 8 0")
        self.assertEqual(self.sh("cd /root; echo x > null && head -c 2 zero | wc -c"), "2")
        for name in ("none", "disk"):
            out = self.home.run("run", "--cd", "/root", "--", f"LANG=C cat {name}")
            self.assertIn("No such device or address", out.stderr)
            self.assertEqual(out.returncode, 1)

    def test_serial_ports_are_those_that_the_user_may_open(self):
        mine = []
        for path in glob.glob("/dev/ttyS*") + glob.glob("/dev/ttyUSB*") + glob.glob("/dev/ttyACM*"):
            _, uid, gid, _ = user()
            status = os.stat(path)
            if status.st_mode & 6 == 6 or (status.st_uid == uid and status.st_mode & 0o600 == 0o600):
                mine.append(path)
        inside = self.sh("ls /dev/ttyS* /dev/ttyUSB* /dev/ttyACM* 2>/dev/null || true").split()
        self.assertLessEqual(set(mine), set(inside))

    def test_fuse_is_there_when_the_host_lets_it(self):
        host = os.path.exists("/dev/fuse") and os.stat("/dev/fuse").st_mode & 6 == 6
        self.assertEqual(self.sh("test -w /dev/fuse && echo True || echo False"), str(host))

    def test_processors_and_network_devices_are_the_hosts(self):
        with open("/proc/cpuinfo", encoding="ascii") as file:
            host = [line for line in file if line.startswith(("processor", "model name"))]
        self.assertEqual(self.sh("grep -E '^(processor|model name)' /proc/cpuinfo").splitlines(), [line.rstrip("\n") for line in host])
        self.assertEqual(sorted(self.sh("ls /sys/class/net").split()), sorted(os.listdir("/sys/class/net")))
        self.assertEqual(self.sh("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | sort").split(), sorted(os.listdir("/sys/class/net")))


if __name__ == "__main__":
    unittest.main()
