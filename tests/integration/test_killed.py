"""Each process of wslm's killed in turn, in the middle of operations and sessions: every distro is listed and whole, and
nothing is left of what died."""

import glob
import json
import os
import signal
import subprocess
import time
import unittest

from harness import Home, wait_for
from small_distro import write_small_distro


class Killed(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.close)
        self.archive = self.home.path + "/small.tar"
        write_small_distro(self.archive)
        self.out = self.home.folder("out")
        self.whole = {}
        self.make("one")

    def make(self, name, *options):
        """A distro with what a first start makes in it."""
        self.home.ok("import", name, self.archive, *options)
        self.home.ok("run", "-d", name, "--cd", "/", "--", "true", timeout=600)
        self.home.ok("terminate", name)
        self.whole[name] = f"{self.out}/{name}-whole.tar"
        self.home.ok("export", name, self.whole[name])

    def processes(self, *names):
        """(pid, name) of the processes that belong to this home."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as environ, open(f"/proc/{pid}/cmdline", "rb") as cmdline:
                    ours = self.home.path.encode() in environ.read() + cmdline.read()
                with open(f"/proc/{pid}/comm") as comm:
                    name = comm.read().strip()
            except OSError:
                continue
            if ours and (not names or name in names):
                found.append((int(pid), name))
        return found

    def session(self, distro, *options, **kwargs):
        """A command in a distro that runs until it is told to end; it has begun."""
        process = self.home.popen("run", "-d", distro, "--cd", "/", *options, "--", "echo begun; cat; echo over",
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), "begun\n")
        return process

    def slow_import(self, name, *options):
        """An import whose data stalls in the middle."""
        process = self.home.popen("import", name, "-", *options, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        with open(self.archive, "rb") as file:
            process.stdin.write(file.read()[:500_000])
        process.stdin.flush()
        wait_for(lambda: name in self.home.ok("list", "-q").split())
        return process

    def assert_as_before(self, *distros):
        wait_for(lambda: not self.home.leftovers())
        listed = json.loads(self.home.ok("list", "--json"))["distros"]
        self.assertEqual(sorted(d["name"] for d in listed), sorted(distros))
        self.assertEqual({d["state"] for d in listed} - {"DISTRO_STATE_STOPPED", "DISTRO_STATE_RUNNING"}, set())
        for operation in json.loads(self.home.ok("op", "list", "--json")).get("operations", []):
            self.assertEqual(operation["state"], "OPERATION_STATE_DONE")
        for name in distros:
            self.home.ok("terminate", name)
            result = self.home.run("compare", name, self.whole[name])
            self.assertEqual(result.returncode, 0, f"{name}: {result.stdout}{result.stderr}")
            self.assertEqual(self.home.ok("run", "-d", name, "--cd", "/", "--", "echo alive", timeout=600), "alive\n")

    def assert_nothing_runs_on(self):
        self.home.ok("shutdown", timeout=120)
        # A start clears away what the dead left.
        for command in ("stop", "start", "stop"):
            self.home.ok("daemon", command)
        wait_for(lambda: not self.processes(), timeout=20)
        self.assertEqual(glob.glob(self.home.path + "/run/**/*.sock", recursive=True), [])

    def test_the_daemon_in_the_middle_of_a_session_and_an_operation(self):
        session = self.session("one")
        operation = self.slow_import("new")
        os.kill(self.home.daemon_pid(), signal.SIGKILL)
        self.assertEqual(operation.wait(timeout=60), 1)
        self.assertIn(b"Error code: ", operation.stderr.read())
        out, err = session.communicate("still here\n", timeout=60)
        self.assertEqual((session.returncode, out), (0, "still here\nover\n"), err)
        self.assert_as_before("one")
        self.assert_nothing_runs_on()

    def test_lxcore_in_the_middle_of_a_session(self):
        session = self.session("one")
        (lxcore, _), = self.processes("wslm-lxcore")
        os.kill(lxcore, signal.SIGKILL)
        out, err = session.communicate("still here\n", timeout=60)
        self.assertEqual((session.returncode, out), (0, "still here\nover\n"), err)
        self.assert_as_before("one")
        self.assert_nothing_runs_on()

    def test_the_guardian_in_the_middle_of_a_session(self):
        session = self.session("one")
        (guardian, _), = self.processes("wslm-guardian")
        os.kill(guardian, signal.SIGKILL)
        _, err = session.communicate(timeout=60)
        self.assertEqual(session.returncode, 125, err)
        self.assertIn("Error code: RUNTIME_DIED", err)
        wait_for(lambda: not self.processes("wslm-guardian", "wslm-lxcore", "wslm-init", "busybox", "cat", "sh"), timeout=20)
        self.assert_as_before("one")
        self.assert_nothing_runs_on()

    def test_lxcore_in_the_middle_of_an_import_that_makes_a_user(self):
        process = self.home.popen("import", "new", self.archive, "--user", "ann", stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for lxcore, _ in wait_for(lambda: self.processes("wslm-lxcore"), interval=0.002):
            os.kill(lxcore, signal.SIGKILL)
        _, err = process.communicate(timeout=60)
        # It may have been done already.
        self.assertIn(process.returncode, (0, 1), err)
        distros = ("one", "new") if process.returncode == 0 else ("one",)
        listed = self.home.ok("list", "-q").split()
        self.assertEqual(sorted(listed), sorted(distros), err)
        if "new" in listed:
            self.home.ok("unregister", "new", "--purge")
        self.assert_as_before("one")
        self.assert_nothing_runs_on()

    def test_the_vm_in_the_middle_of_a_session(self):
        self.make("two", "--version", "2", "--size", "1G")
        session = self.session("two")
        with open(self.home.path + "/run/v2/vm.json") as file:
            os.kill(json.load(file)["pid"], signal.SIGKILL)
        _, err = session.communicate(timeout=120)
        self.assertEqual(session.returncode, 125, err)
        self.assertIn("Error code: RUNTIME_DIED", err)
        wait_for(lambda: "Stopped" in self.home.ok("list", "-v"))
        # Its disk was not unmounted.
        self.home.ok("trim", "two")
        self.assertIn("no faults", self.home.run("check", "two").stderr)
        self.assert_as_before("one", "two")
        self.assert_nothing_runs_on()

    def test_the_command_line_in_the_middle_of_an_operation(self):
        process = self.slow_import("new")
        process.kill()
        process.wait()
        wait_for(lambda: self.home.ok("list", "-q") == "one\n")
        # One whose data does not pass through it goes on.
        target = self.out + "/one.tar.xz"
        process = self.home.popen("export", "one", target, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: "export" in self.home.ok("op", "list", "--running"), interval=0.01)
        process.kill()
        process.wait()
        wait_for(lambda: os.path.exists(target))
        self.assertEqual(self.home.run("compare", "one", target).returncode, 0)
        self.assert_as_before("one")
        self.assert_nothing_runs_on()

    def test_the_command_line_in_the_middle_of_a_session(self):
        session = self.session("one")
        session.kill()
        session.wait()
        # It is kept for somebody to attach to, and ends with its distro.
        time.sleep(0.5)
        self.assertIn("cat", self.home.ok("sessions"))
        self.home.ok("terminate", "one")
        self.assert_as_before("one")
        self.assert_nothing_runs_on()


if __name__ == "__main__":
    unittest.main()
