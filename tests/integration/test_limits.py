"""What version 1 can't do by its nature: it fails at once, and is explained once, by an event and to a person at a terminal."""

import tempfile
import unittest

from harness import DistroTest, wait_for

MOUNT = "mount -t ext4 /dev/null /mnt"
RAW = "perl -e 'use Socket; socket(S, PF_INET, SOCK_RAW, 1) or die qq($!\\n)'"
HINT = "wslm set-version deb 2"


class Limits(DistroTest):
    version = 1

    def setUp(self):
        self.home.ok("terminate", "deb")

    def on_terminal(self, script, **kwargs):
        """Runs it with all three streams a terminal; answers what was shown."""
        terminal = self.terminal("run", "--cd", "/", "--", script, **kwargs)
        terminal.wait()
        return terminal.output

    def test_programs_get_the_errno_that_a_container_gives(self):
        for script, error in ((MOUNT, "denied"), (RAW, "Operation not permitted"), ("date -s 2001-01-01", "Operation not permitted"),
                              ("swapon /etc/passwd", "ermi")):
            result = self.home.run("run", "--cd", "/", "--", script)
            self.assertNotEqual(result.returncode, 0, script)
            self.assertIn(error, result.stderr, script)
            self.assertNotIn("wslm", result.stdout + result.stderr)

    def test_a_person_at_a_terminal_is_told_once_for_each_kind_and_start(self):
        shown = self.on_terminal(f"{MOUNT}; {MOUNT}; {RAW}; echo done")
        self.assertEqual(shown.count(HINT), 2, shown)
        self.assertIn("wslm: mount: block devices", shown)
        self.assertIn("wslm: perl: raw and packet sockets", shown)
        self.assertNotIn(HINT, self.on_terminal(f"{MOUNT}; {RAW}"))
        self.home.ok("terminate", "deb")
        self.assertEqual(self.on_terminal(MOUNT).count(HINT), 1)

    def test_what_was_tried_without_a_terminal_is_still_told_to_who_has_one(self):
        self.home.run("run", "--cd", "/", "--", MOUNT)
        self.assertEqual(self.on_terminal(MOUNT).count(HINT), 1)

    def test_nothing_of_it_reaches_a_file(self):
        with tempfile.TemporaryFile("w+") as file:
            self.assertNotIn(HINT, self.on_terminal(MOUNT, stderr=file))
            file.seek(0)
            self.assertNotIn(HINT, file.read())

    def test_a_program_of_32_bits_is_named(self):
        self.sh("printf '\\177ELF\\1\\1\\1\\0%60s' x > /usr/local/bin/old; chmod 755 /usr/local/bin/old")
        self.assertEqual(self.home.run("-e", "old").returncode, 126)
        self.assertIn("wslm: old: 32-bit programs don't run in version 1", self.on_terminal("/usr/local/bin/old"))

    def test_who_makes_a_control_group_is_told_so(self):
        if not self.sh("grep ' cgroup' /proc/mounts || true"):
            self.skipTest("the host has no control groups")
        made = "mkdir $(awk '$3 ~ /^cgroup/ {print $2; exit}' /proc/mounts)/wslm-test"
        self.assertNotEqual(self.home.run("run", "--cd", "/", "--", made).returncode, 0)
        self.assertIn("wslm: mkdir: control groups", self.on_terminal(made))

    def test_a_user_without_the_right_is_told_nothing(self):
        self.sh("id -u ann 2>/dev/null || useradd -m -u 1000 ann")
        terminal = self.terminal("run", "-u", "ann", "--cd", "/", "--", RAW)
        terminal.wait()
        self.assertIn("Operation not permitted", terminal.output)
        self.assertNotIn(HINT, terminal.output)

    def test_in_a_network_of_its_own_a_program_may(self):
        self.assertNotIn(HINT, self.on_terminal(f"unshare -n {RAW}; echo $?"))

    def test_events_tell_each_kind_once(self):
        limits = []
        self.addCleanup(self.home.follow_events(lambda event: limits.append(event["limit"]) if "limit" in event else None))
        self.home.run("run", "--cd", "/", "--", f"{MOUNT}; {RAW}")
        self.home.run("run", "--cd", "/", "--", f"{RAW}; {MOUNT}; date -s 2001-01-01")
        wait_for(lambda: len(limits) >= 3)
        self.assertEqual([limit["kind"] for limit in limits],
                         ["LIMIT_KIND_BLOCK_DEVICES", "LIMIT_KIND_RAW_SOCKETS", "LIMIT_KIND_CLOCK"])
        self.assertEqual((limits[0]["distro"]["name"], limits[0]["program"]), ("deb", "mount"))
        self.assertIn(HINT, limits[0]["message"])


if __name__ == "__main__":
    unittest.main()
