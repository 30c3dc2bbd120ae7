"""What a distro's /etc/wsl.conf does at its start, in v1."""

import unittest

from harness import DistroTest, wait_for


class WslConf(DistroTest):
    version = 1

    def start_with(self, text):
        """Stops the distro, which has `text` as wsl.conf from now on."""
        self.home.ok("run", "--cd", "/", "-u", "root", "--", "cat > /etc/wsl.conf", input=text)
        self.addCleanup(self.home.ok, "terminate", "deb")
        self.addCleanup(self.sh, "rm -f /etc/wsl.conf", "-u", "root")
        self.home.ok("terminate", "deb")

    def test_what_cannot_be_obeyed_is_told_once_to_who_starts_the_distro(self):
        self.start_with("[boot]\nsystemd = true\n[automount]\nenabled = perhaps\n[network\n")
        first = self.home.run("run", "--cd", "/", "--", "true")
        self.assertEqual((first.returncode, first.stdout), (0, ""))
        self.assertIn("Invalid boolean value 'perhaps' for key 'automount.enabled' in /etc/wsl.conf:4.", first.stderr)
        self.assertIn("Expected ']' in /etc/wsl.conf:5.", first.stderr)
        self.assertIn("boot.systemd in /etc/wsl.conf is ignored", first.stderr)
        self.assertEqual(self.home.run("run", "--cd", "/", "--", "true").stderr, "")

    def test_the_hostname_is_the_distros_own(self):
        self.start_with("[network]\nhostname = box-1\n")
        self.assertEqual(self.sh("hostname; grep -cw box-1 /etc/hosts"), "box-1\n1")

    def test_the_boot_command_is_roots_and_keeps_nobody_waiting(self):
        self.start_with("[boot]\ncommand = \"(id -un; pwd; echo $HOME; tty) > /root/boot 2>&1; touch /root/booted; exec sleep 4715\"\n")
        self.assertEqual(self.sh("until [ -e /root/booted ]; do sleep 0.05; done; cat /root/boot; cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'sleep 471[5]'",
                                 timeout=30), "root\n/\n/root\nnot a tty\n1")

    def test_init_reaps_what_nobody_waits_for(self):
        self.assertEqual(self.sh("(setsid sh -c 'sleep 0.1 & exec sleep 0.2' &); sleep 1; cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z ' || true"), "0")
        self.assertEqual(self.sh("cut -d' ' -f4 /proc/$(setsid sh -c 'sleep 5 >/dev/null & echo $!')/stat"), "1")


class UserConf(DistroTest):
    """The user's own wslm.conf."""

    version = 1

    def test_an_idle_distro_stops_when_it_says_and_what_is_wrong_is_in_the_log(self):
        with open(self.home.path + "/config/wslm.conf", "w", encoding="utf-8") as file:
            file.write("[general]\ninstanceIdleTimeout = 100\n[wsl2]\nmemory = lots\n")
        self.home.ok("daemon", "stop")
        self.sh("true")
        wait_for(lambda: "Stopped" in self.home.ok("list", "-v"), timeout=13)
        self.assertIn("Invalid size 'lots' for key 'wsl2.memory' in " + self.home.path + "/config/wslm.conf:4.", self.home.log())


if __name__ == "__main__":
    unittest.main()
