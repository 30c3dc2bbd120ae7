"""Every step of the operations, with the daemon killed there or the step failing: nothing is lost, nothing is left over.

The matrix comes from the programs: an undisturbed run of each operation logs the failpoints that it passes, and each of
them is tried. WSLM_FAULTS=all tries every action at every point; otherwise each point is killed once and fails once.
"""

import collections
import itertools
import json
import os
import re
import signal
import subprocess
import time
import unittest

from harness import Home
from small_distro import write_small_distro

ALL = os.environ.get("WSLM_FAULTS") == "all"
# Of a point that is passed many times: these passes, and the last.
PASSES = (1, 2, 3) if ALL else (1,)


class Faults(unittest.TestCase):
    """One operation a test: `arrange` makes what it needs, `act` is its command line, `undo` takes its result away."""

    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.close)
        self.archive = self.home.path + "/small.tar"
        write_small_distro(self.archive)
        self.out = self.home.path + "/out"
        os.mkdir(self.out)
        os.chown(self.out, self.home.uid, self.home.gid)
        self.log = self.out + "/passes.log"
        self.tried = collections.Counter()
        # What stays as it is, whatever happens.
        self.home.ok("import", "bystander", self.archive)

    def daemon(self, **environment):
        """A new daemon, with failpoints as told."""
        os.kill(self.home.daemon_pid(), signal.SIGKILL)
        self.home.ok("daemon", "start", env=environment)

    def points(self, act):
        """(name, pass) of all failpoints that `act` passes undisturbed."""
        self.daemon(WSLM_FAILPOINT_LOG=self.log)
        open(self.log, "w").close()
        os.chown(self.log, self.home.uid, self.home.gid)
        self.home.ok(*act)
        # What is done behind the scenes after the answer.
        time.sleep(0.2)
        with open(self.log) as file:
            passes = collections.Counter(line.strip() for line in file)
        return [(name, n) for name, count in sorted(passes.items())
                for n in sorted({*PASSES, count}) if n <= count]

    def leftovers(self):
        found = self.home.leftovers()
        for top in (self.home.path + "/data", self.out):
            for folder, folders, files in os.walk(top):
                found += [os.path.join(folder, name) for name in folders + files
                          if re.match(r"\.(staging|purge|wslm-convert|wslm-old|wslm-claim|.*\.tmp-|.*\.part)", name)]
                folders[:] = [f for f in folders if f != "rootfs"]
        return sorted(set(found))

    def assert_nothing_left(self, where):
        end = time.monotonic() + 10
        while self.leftovers() and time.monotonic() < end:
            time.sleep(0.05)
        self.assertEqual(self.leftovers(), [], where)
        for operation in json.loads(self.home.ok("op", "list", "--json")).get("operations", []):
            self.assertEqual(operation["state"], "OPERATION_STATE_DONE", where)

    def assert_whole(self, name, where):
        result = self.home.run("compare", name, self.archive)
        self.assertEqual(result.returncode, 0, f"{where}: {name} is not what it was: {result.stdout}{result.stderr}")

    def state(self):
        """Name and version of each distro, in whose content nothing is missing."""
        distros = json.loads(self.home.ok("list", "--json")).get("distros", [])
        self.assertFalse([d for d in distros if d["state"] == "DISTRO_STATE_BROKEN"], distros)
        return {d["name"]: d["version"] for d in distros}

    def matrix(self, act, undo, gone=lambda: None):
        """`undo` is command lines; `gone` is asked after each fault that left things as they were."""
        before = self.state()
        points = self.points(act)
        self.assertGreater(len(points), 4)
        after = self.state()
        failures = itertools.cycle(("ENOSPC", "EIO", "EROFS"))
        for name, n in points:
            for action in ("kill", "ENOSPC", "EIO", "EROFS") if ALL else ("kill", next(failures)):
                where = f"{' '.join(act)}: {name}:{n}={action}"
                with self.subTest(where):
                    if self.state() == after:
                        for command in undo:
                            self.home.ok(*command)
                    self.assertEqual(self.state(), before, where)
                    self.daemon(WSLM_FAILPOINT=f"{name}:{n}={action}")
                    result = self.home.run(*act)
                    self.daemon()
                    self.assert_nothing_left(where)
                    now = self.state()
                    if result.returncode == 0:
                        self.assertEqual(now, after, f"{where}: said to be done\n{result.stderr}")
                    elif action == "kill":
                        self.assertIn(now, (before, after), where)
                    else:
                        self.assertEqual(now, before, f"{where}: said to have failed\n{result.stderr}")
                    for distro in now:
                        self.assert_whole(distro, where)
                    if now == before:
                        if result.returncode != 0:
                            gone()
                        # And then it works.
                        again = self.home.run(*act)
                        self.assertEqual(again.returncode, 0, f"{where}, then again: {again.stderr}")
                    self.assertEqual(self.state(), after, where)
                    self.tried[action] += 1
        print(f"\n{act[0]}: {dict(self.tried)} at {len(points)} points", flush=True)
        self.assertGreater(self.tried["kill"], 4)

    def test_import_into_v1(self):
        self.matrix(("import", "new", self.archive), [("unregister", "new", "--purge")])

    def test_import_into_v2(self):
        self.matrix(("import", "new", self.archive, "--version", "2"), [("unregister", "new", "--purge")])

    def test_import_into_a_folder(self):
        place = self.out + "/place"
        self.matrix(("import", "new", place, self.archive), [("unregister", "new", "--purge")],
                    lambda: self.assertFalse(os.path.exists(place)))

    def test_convert_to_v2_and_back(self):
        self.home.ok("import", "moved", self.archive)
        self.matrix(("set-version", "moved", "2"), [("set-version", "moved", "1")])

    def test_convert_to_v1(self):
        self.home.ok("import", "moved", self.archive, "--version", "2")
        self.matrix(("set-version", "moved", "1"), [("set-version", "moved", "2")])

    def test_unregister_and_recover(self):
        self.home.ok("import", "doomed", self.archive)
        self.matrix(("unregister", "doomed"), [("recover", "doomed")])

    def test_unregister_for_good(self):
        self.home.ok("import", "doomed", self.archive)
        self.matrix(("unregister", "doomed", "--purge"), [("import", "doomed", self.archive)])

    def test_export(self):
        target = self.out + "/archive.tar"
        points = self.points(("export", "bystander", target))
        failures = itertools.cycle(("ENOSPC", "EIO", "EROFS"))
        for name, n in points:
            for action in ("kill", "ENOSPC", "EIO", "EROFS") if ALL else ("kill", next(failures)):
                where = f"export: {name}:{n}={action}"
                with self.subTest(where):
                    if os.path.exists(target):
                        os.unlink(target)
                    self.daemon(WSLM_FAILPOINT=f"{name}:{n}={action}")
                    result = self.home.run("export", "bystander", target)
                    self.daemon()
                    self.assert_nothing_left(where)
                    self.assert_whole("bystander", where)
                    if result.returncode == 0:
                        self.assertTrue(os.path.exists(target), where)
                    elif action != "kill":
                        self.assertFalse(os.path.exists(target), where)
                    if os.path.exists(target):
                        self.assert_whole(target, where)
                        os.unlink(target)
                    self.home.ok("export", "bystander", target)
                    self.assert_whole(target, where)
                    self.tried[action] += 1
        print(f"\nexport: {dict(self.tried)} at {len(points)} points", flush=True)

    def test_every_failpoint_is_tried(self):
        """A new step in the source that no operation here passes has to be given one."""
        source = os.environ["WSLM_SOURCE"]
        named = set(re.findall(r'Failpoint\("([a-z0-9_.]+)"\)', subprocess.run(
            ["grep", "-rhoE", "--include=*.cc", 'Failpoint\\("[a-z0-9_.]+"\\)', source + "/distros", source + "/daemon"],
            capture_output=True, text=True, check=True).stdout))
        self.home.ok("import", "moved", self.archive, "--version", "2")
        self.home.ok("import", "doomed", self.archive)
        passed = set()
        for act in (("import", "new", self.out + "/place", self.archive), ("import", "two", self.archive, "--version", "2"),
                    ("export", "new", self.out + "/a.tar"), ("set-version", "moved", "1"), ("set-version", "moved", "2"),
                    ("unregister", "doomed"), ("recover", "doomed"), ("unregister", "new", "--purge")):
            passed |= {name for name, _ in self.points(act)}
        self.assertEqual(named - passed, set())


if __name__ == "__main__":
    unittest.main()
