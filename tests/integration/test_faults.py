"""Every step of the operations, with the daemon killed there or the step failing: nothing is lost, nothing is left over.

The matrix comes from the programs: an undisturbed run of each operation logs the failpoints that it passes, and each of
them is tried. WSLM_FAULTS=all tries every action at every point; otherwise each point is killed once and fails once, and
in each further operation that passes it one of both.
"""

import collections
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import types
import unittest

import grpc

from api import Api, generate
from harness import Home
from registry_server import RegistryServer
from small_distro import write_small_distro

ALL = os.environ.get("WSLM_FAULTS") == "all"
# Of a point that is passed many times: these passes, and the last.
PASSES = (1, 2, 3) if ALL else (1,)
FAILURES = ("ENOSPC", "EIO", "EROFS")


class Faults(unittest.TestCase):
    """One operation a test: `act` is its command line, or a function that answers as Home.run does."""

    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.close)
        self.archive = self.home.path + "/small.tar"
        write_small_distro(self.archive)
        self.out = self.home.folder("out")
        self.log = self.out + "/passes.log"
        self.tried = collections.Counter()
        # What stays as it is, whatever happens.
        self.home.ok("import", "bystander", self.archive)

    def daemon(self, **environment):
        """A new daemon, with failpoints as told."""
        # The one that a fault killed was followed by another where the command line saw it.
        if self.home.run("daemon", "status").returncode == 0:
            os.kill(self.home.daemon_pid(), signal.SIGKILL)
        self.home.ok("daemon", "start", env=environment)

    def run_act(self, act):
        return act() if callable(act) else self.home.run(*act)

    def points(self, act):
        """(name, pass) of all failpoints that `act` passes undisturbed."""
        self.daemon(WSLM_FAILPOINT_LOG=self.log)
        open(self.log, "w").close()
        os.chown(self.log, self.home.uid, self.home.gid)
        self.assertEqual(self.run_act(act).returncode, 0)
        # What is done behind the scenes after the answer.
        time.sleep(0.2)
        with open(self.log) as file:
            passes = collections.Counter(line.strip() for line in file)
        return [(name, n) for name, count in sorted(passes.items())
                for n in sorted({*PASSES, count}) if n <= count]

    # How often a point was tried so far.
    tries = collections.Counter()
    failures = itertools.cycle(FAILURES)

    def actions(self, point):
        """What is tried at it this time."""
        if ALL:
            return ("kill", *FAILURES)
        self.tries[point] += 1
        if self.tries[point] == 1:
            return ("kill", next(self.failures))
        return ("kill",) if self.tries[point] % 2 else (next(self.failures),)

    def leftovers(self):
        found = self.home.leftovers()
        for top in (self.home.path + "/data", self.out):
            for folder, folders, files in os.walk(top):
                found += [os.path.join(folder, name) for name in folders + files
                          if re.match(r"\.(staging|purge|wslm-|.*\.tmp-|.*\.part|.*\.resize-)", name)]
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
        """Name, version and disk's size of each distro, none of which is broken."""
        distros = json.loads(self.home.ok("list", "--json")).get("distros", [])
        self.assertFalse([d for d in distros if d["state"] == "DISTRO_STATE_BROKEN"], distros)
        return {d["name"]: (d["version"], d.get("disk_size")) for d in distros}

    def matrix(self, act, undo, gone=lambda: None, arrange=lambda: None, damaged=()):
        """`undo` is command lines that take away what `act` did; `gone` is asked after each fault that left things as they
        were; `arrange` is called before each try; what is `damaged` by it is without faults after `act` only."""
        arrange()
        before = self.state()
        points = self.points(act)
        self.assertGreater(len(points), 2)
        after = self.state()
        for name, n in points:
            for action in self.actions(name):
                where = f"{act.__name__ if callable(act) else ' '.join(act)}: {name}:{n}={action}"
                with self.subTest(where):
                    if self.state() == after:
                        for command in undo:
                            self.home.ok(*command)
                    arrange()
                    self.assertEqual(self.state(), before, where)
                    self.daemon(WSLM_FAILPOINT=f"{name}:{n}={action}")
                    result = self.run_act(act)
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
                        if distro not in damaged:
                            self.assert_whole(distro, where)
                    if now == before:
                        if result.returncode != 0:
                            gone()
                        # And then it works.
                        again = self.run_act(act)
                        self.assertEqual(again.returncode, 0, f"{where}, then again: {again.stderr}")
                        for distro in damaged:
                            self.home.ok("check", distro)
                    self.assertEqual(self.state(), after, where)
                    self.tried[action] += 1
        print(f"\n{act.__name__ if callable(act) else act[0]}: {dict(self.tried)} at {len(points)} points", flush=True)
        self.assertGreater(sum(self.tried.values()), 2)

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

    def test_recover(self):
        self.home.ok("import", "doomed", self.archive)
        self.home.ok("unregister", "doomed")
        self.matrix(("recover", "doomed"), [("unregister", "doomed")])

    def test_rename(self):
        folder = tempfile.mkdtemp(prefix="wslm-client-")
        self.addCleanup(shutil.rmtree, folder)
        generate(folder)
        self.home.ok("import", "first", self.archive)

        def rename():
            api = Api(self.home, folder)
            try:
                request = api.distro_service.UpdateDistroRequest(distro="first")
                request.values.name = "second"
                request.update_mask.paths.append("name")
                api.distros.UpdateDistro(request, timeout=60)
                return types.SimpleNamespace(returncode=0, stderr="")
            except grpc.RpcError as error:
                return types.SimpleNamespace(returncode=1, stderr=error.details())
            finally:
                api.close()

        def arrange():
            if "second" in self.state():
                self.home.ok("unregister", "second", "--purge")
                self.home.ok("import", "first", self.archive)

        self.matrix(rename, [], arrange=arrange)

    def test_clone(self):
        self.matrix(("clone", "bystander", "new"), [("unregister", "new", "--purge")])

    def test_clone_of_an_image(self):
        self.home.ok("import", "image", self.archive, "--version", "2", "--size", "64M")
        self.matrix(("clone", "image", "new"), [("unregister", "new", "--purge")])

    def test_resize(self):
        self.home.ok("import", "image", self.archive, "--version", "2", "--size", "64M")
        self.matrix(("resize", "image", "96M"), [("resize", "image", "64M")])

    def test_trim(self):
        self.home.ok("import", "image", self.archive, "--version", "2", "--size", "64M")
        self.matrix(("trim", "image"), [])

    def location(self, name):
        return next(d["location"] for d in json.loads(self.home.ok("list", "--json"))["distros"] if d["name"] == name)

    @staticmethod
    def hurt(image):
        subprocess.run(["/sbin/debugfs", "-w", "-R", "set_inode_field <2> links_count 77", image], check=True,
                       capture_output=True)

    def test_repair_of_a_folder(self):
        self.home.ok("import", "hurt", self.archive)
        self.matrix(("check", "hurt", "--repair"), [], damaged=("hurt",),
                    arrange=lambda: os.chmod(self.location("hurt") + "/rootfs/etc/os-release", 0))

    def test_repair_of_an_image(self):
        self.home.ok("import", "hurt", self.archive, "--version", "2", "--size", "64M")
        image = self.location("hurt") + "/disk.img"
        self.matrix(("check", "hurt", "--repair"), [], damaged=("hurt",), arrange=lambda: self.hurt(image))

    def test_import_in_place(self):
        image = self.out + "/place.img"
        self.home.ok("export", "bystander", image)
        self.matrix(("import-in-place", "new", image), [("unregister", "new", "--purge")],
                    lambda: self.assert_whole(image, "the image itself"))

    def test_push_and_pull(self):
        server = RegistryServer()
        self.addCleanup(server.close)
        image = f"127.0.0.1:{server.port}/team/small:1"
        self.matrix(("push", "bystander", image), [])
        self.tried.clear()
        self.matrix(("pull", "new", image), [("unregister", "new", "--purge")])

    def test_unregister_for_good(self):
        self.home.ok("import", "doomed", self.archive)
        self.matrix(("unregister", "doomed", "--purge"), [("import", "doomed", self.archive)])

    def test_export(self):
        target = self.out + "/archive.tar"
        points = self.points(("export", "bystander", target))
        for name, n in points:
            for action in self.actions(name):
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
                    ("export", "new", self.out + "/a.tar"), ("set-version", "moved", "1"),
                    ("set-version", "moved", "2", "--size", "64M"), ("clone", "moved", "three"), ("resize", "moved", "96M"),
                    ("trim", "moved"),
                    ("unregister", "doomed"), ("recover", "doomed"), ("unregister", "new", "--purge")):
            passed |= {name for name, _ in self.points(act)}
        self.hurt(self.location("moved") + "/disk.img")
        passed |= {name for name, _ in self.points(("check", "moved", "--repair"))}
        self.assertEqual(named - passed, set())


if __name__ == "__main__":
    unittest.main()
