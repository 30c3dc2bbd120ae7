"""What takes minutes of an emulated machine, and so is run by hand: systemd as first process, podman, wslmd's own units.

    WSLM_BIN=build/dev/bin WSLM_BUILD=build/dev WSLM_TEST_ROOT=… WSLM_TEST_CACHE=… python3 -m unittest -v by_hand_containers
"""

import os
import subprocess
import tempfile
import time
import unittest

from harness import DistroTest
from roots import made_root
from small_distro import write_small_distro

# What the agent gives systemd, and what it takes to be killed and put away.
LONGEST_STOP = 30 + 25


class FullDistro(DistroTest):
    version = 2

    @classmethod
    def setUpClass(cls):
        if cls is FullDistro:
            raise unittest.SkipTest("a base")
        super().setUpClass()

    @classmethod
    def archive(cls):
        return made_root("containers/full-root")

    @classmethod
    def use_systemd(cls):
        cls.home.ok("run", "--cd", "/", "--", "printf '[boot]\\nsystemd = true\\n' >/etc/wsl.conf")
        cls.home.ok("terminate", "deb")

    def put(self, path, content):
        self.home.run("run", "--cd", "/", "-u", "root", "--", f"cat >{path}", input=content, binary=not isinstance(content, str))


class Systemd(FullDistro):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.use_systemd()

    def test_it_is_the_first_process_and_runs_without_a_failed_unit(self):
        self.assertEqual(self.sh("cat /proc/1/comm; systemctl is-system-running; systemctl --failed --no-legend"), "systemd\nrunning")
        self.assertEqual(self.sh("cat /proc/self/cgroup"), "0::/init.scope")

    def test_it_goes_on_after_hibernation(self):
        self.sh("systemctl is-system-running")
        journal = self.sh("systemctl show -p MainPID systemd-journald")
        self.home.ok("hibernate", timeout=120)
        self.assertEqual(self.sh("systemctl is-system-running; systemctl show -p MainPID systemd-journald"),
                         "running\n" + journal)
        self.assertIn("tmp", self.sh("ls /mnt/host"))

    def test_users_have_one_of_their_own(self):
        self.assertEqual(self.sh("systemctl --user is-system-running; systemd-run --user --pipe --wait -q id -un; echo $XDG_RUNTIME_DIR",
                                 "-u", "ann"), "running\nann\n/run/user/1000")

    def test_units_are_stopped_in_order(self):
        self.put("/etc/systemd/system/mark.service",
                 "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n"
                 "ExecStop=/bin/sh -c 'sleep 2; echo stopped >/root/mark'\n")
        self.sh("systemctl daemon-reload; systemctl start mark; rm -f /root/mark")
        self.home.ok("terminate", "deb")
        self.assertEqual(self.sh("cat /root/mark"), "stopped")

    def test_a_unit_that_will_not_stop_is_waited_for_so_long(self):
        self.put("/etc/systemd/system/stuck.service",
                 "[Service]\nExecStart=/bin/sleep 1000000\nExecStop=/bin/sleep 1000000\nTimeoutStopSec=infinity\n")
        self.sh("systemctl daemon-reload; systemctl start stuck; echo kept >/root/kept")
        begin = time.monotonic()
        self.home.ok("terminate", "deb", timeout=200)
        self.assertLess(time.monotonic() - begin, LONGEST_STOP)
        self.assertEqual(self.sh("cat /root/kept"), "kept")


class Podman(FullDistro):
    def test_it_builds_and_runs_a_container(self):
        self.sh("mkdir -p /root/image; cp /bin/busybox /root/image")
        self.put("/root/image/Containerfile",
                 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin; echo built >/made"]\n'
                 'ENTRYPOINT ["/bin/sh", "-c"]\n')
        self.sh("cd /root/image; podman build -q -t localhost/small .", timeout=500)
        self.assertEqual(self.sh("podman run --rm -m 64m --pids-limit 50 localhost/small"
                                 " 'cat /made /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max'", timeout=300), "built\n67108864\n50")
        self.sh("podman run -d --name web -p 8085:80 -v /mnt/host/usr:/host:ro localhost/small"
                " 'mkdir /www; echo page >/www/index.html; exec httpd -f -p 80 -h /www'", timeout=300)
        self.addCleanup(self.sh, "podman rm -f -t 1 web", timeout=300)
        self.assertEqual(self.sh("curl -s --retry 5 --retry-all-errors http://127.0.0.1:8085/"), "page")
        self.home.ok("hibernate", timeout=120)
        self.assertEqual(self.sh("curl -s --retry 5 --retry-all-errors http://127.0.0.1:8085/"), "page")
        self.assertIn("lib", self.sh("podman exec web ls /host", timeout=300).split())


class Units(FullDistro):
    """A distro manager in a distro: wslmd under the user's systemd, with a version 1 distro."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["cmake", "--install", os.environ["WSLM_BUILD"], "--prefix", "/usr/local", "--strip"], check=True,
                           capture_output=True, env={**os.environ, "DESTDIR": folder})
            write_small_distro(f"{folder}/usr/local/small.tar")
            tree = subprocess.run(["tar", "--owner=0", "--group=0", "-cC", folder, "usr"], check=True, capture_output=True).stdout
        result = cls.home.run("run", "--cd", "/", "--", "tar -xC /", input=tree, binary=True)
        assert result.returncode == 0, result.stderr
        cls.use_systemd()

    def ann(self, script):
        return self.sh(script, "-u", "ann", timeout=300)

    def test_a_version_1_distro_runs_on_while_the_unit_stops_and_starts(self):
        self.ann("systemctl --user enable --now wslmd.socket && wslm import inner /usr/local/small.tar")
        self.assertEqual(self.ann("systemctl --user is-active wslmd.service"), "active")
        self.ann("wslm run -d inner --detach -- sleep 4715")
        sleeper = self.ann("pgrep -f '[s]leep 4715' | tail -n1")
        main = self.ann("systemctl --user show -p MainPID wslmd.service")
        self.ann("systemctl --user restart wslmd.service")
        self.assertNotEqual(self.ann("systemctl --user show -p MainPID wslmd.service"), main)
        self.assertIn("sleep 4715", self.ann("wslm sessions"))
        self.ann("systemctl --user stop wslmd.service")
        self.assertEqual(self.ann(f"tr '\\0' ' ' </proc/{sleeper}/cmdline"), "sleep 4715 ")
        # The socket starts it again.
        self.assertRegex(self.ann("wslm list -v"), r"inner\s+Running")
        self.assertEqual(self.ann("wslm run -d inner --cd / -- echo it goes on"), "it goes on")


if __name__ == "__main__":
    unittest.main()
