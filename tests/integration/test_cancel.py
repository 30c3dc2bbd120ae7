"""Operations that are cancelled in the middle: that is seen at once, nothing is written any more, and nothing is left
when they are done."""

import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

import grpc

from api import Api, generate
from harness import ROOT, Home, wait_for
from registry_server import RegistryServer, SlowWay
from small_distro import write_small_distro

# So that everything takes long enough to be met in its middle.
BIG_FILE = 200 << 20
DISK = 2 << 40
# Seconds between the call of Cancel and the state CANCELLING in a watch.
SEEN_WITHIN = 0.2
# What is under way when the cancel comes may be brought to its end: buffers of an image, of 4 MiB each.
SLACK = 8 << 20
TOOLS = {"e2fsck", "mke2fs", "resize2fs", "qemu-img", "setpriv", "prlimit"}


def add_big_file(archive, size):
    with tempfile.TemporaryDirectory() as folder:
        with open(folder + "/big", "wb") as file:
            for _ in range(size >> 20):
                file.write(os.urandom(1 << 20))
        subprocess.run(["tar", "-C", folder, "--owner=0", "--group=0", "-rf", archive, "./big"], check=True)
    os.chmod(archive, 0o644)


class Cancel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = Home()
        cls.addClassCleanup(cls.home.close)
        cls.out = cls.home.folder("out")
        generated = tempfile.mkdtemp(prefix="wslm-client-")
        cls.addClassCleanup(shutil.rmtree, generated)
        generate(generated)
        cls.archives = {"one": cls.out + "/big.tar", "two": cls.out + "/big.tar", "small": cls.out + "/small.tar"}
        shutil.copy(ROOT, cls.archives["one"])
        add_big_file(cls.archives["one"], BIG_FILE)
        write_small_distro(cls.archives["small"])
        add_big_file(cls.archives["small"], 24 << 20)
        cls.home.ok("import", "one", cls.archives["one"])
        cls.home.ok("import", "two", cls.archives["two"], "--version", "2", "--size", str(DISK))
        cls.home.ok("import", "small", cls.archives["small"])
        cls.api = Api(cls.home, generated)
        cls.addClassCleanup(cls.api.close)
        cls.daemon = cls.home.daemon_pid()
        listed = cls.api.distros.ListDistros(cls.api.distro_service.ListDistrosRequest()).distros
        cls.roots = {distro.location + "/rootfs" for distro in listed if distro.version == 1}
        cls.latencies = []

    @classmethod
    def tearDownClass(cls):
        print(f"\nCANCELLING was seen after at most {1000 * max(cls.latencies):.1f} ms, "
              f"{len(cls.latencies)} operations", flush=True)
        for name, archive in cls.archives.items():
            result = cls.home.run("compare", name, archive)
            assert result.returncode == 0, f"{name} is not what it was: {result.stdout}{result.stderr}"

    def begin(self, rpc, **fields):
        request = getattr(self.api.distro_service, rpc + "Request")(requestor="test", **fields)
        return getattr(self.api.distros, rpc)(request).operation.id

    def files(self):
        """Paths of all that wslm keeps but for what lies within v1's distros."""
        found = set()
        for top in (self.home.path + "/data", self.out):
            for folder, folders, files in os.walk(top):
                folders[:] = [name for name in folders if os.path.join(folder, name) not in self.roots]
                for path in (os.path.join(folder, name) for name in folders + files):
                    if not os.path.basename(path).startswith("index.db"):
                        found.add(path)
        return found

    def written(self):
        """Bytes that each of the daemon's threads has written."""
        found = {}
        for thread in os.listdir(f"/proc/{self.daemon}/task"):
            try:
                with open(f"/proc/{self.daemon}/task/{thread}/io") as file:
                    found[thread] = int(re.search(r"wchar: (\d+)", file.read())[1])
            except OSError:
                pass
        return found

    def tools(self):
        """Programs that the daemon has running."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as file:
                    text = file.read()
            except OSError:
                continue
            name, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
            if name in TOOLS and int(rest[1]) == self.daemon:
                found.append(name)
        return found

    def cancelled(self, what, operation, phase, at_once=False):
        """Cancels an operation once it is in the phase: at its beginning, or when it is under way."""
        enum = self.api.operation
        wanted, done = enum.ProgressPhase.Value("PROGRESS_PHASE_" + phase), enum.OPERATION_STATE_DONE
        watch = self.api.watch(operation)
        _, found = watch.wait(lambda o: o.state == done or (o.progress.phase == wanted and (at_once or o.progress.done > 0)))
        self.assertNotEqual(found.state, done, f"{what} was too quick: {found}")
        asked = time.monotonic()
        self.api.operations.CancelOperation(enum.CancelOperationRequest(id=operation))
        seen, _ = watch.wait(lambda o: o.state == enum.OPERATION_STATE_CANCELLING)
        before, more = self.written(), 0
        while watch.seen[-1][1].state != done:
            more = max(more, sum(now - before.get(thread, 0) for thread, now in self.written().items()))
            time.sleep(0.005)
        ended, last = watch.seen[-1]
        self.latencies.append(seen - asked)
        print(f"{what}, {phase}: CANCELLING after {1000 * (seen - asked):.1f} ms, DONE after {1000 * (ended - asked):.0f} ms, "
              f"{more >> 10} KiB more", flush=True)
        self.assertIn("CANCELLED", str(last.error), what)
        self.assertLessEqual(seen - asked, SEEN_WITHIN, what)
        self.assertLessEqual(more, SLACK, f"{what} wrote on")

    def check(self, what, phase, rpc, at_once=False, **fields):
        before, listed = self.files(), self.home.ok("list", "--json")
        self.cancelled(what, self.begin(rpc, **fields), phase, at_once)
        self.assertEqual(self.files(), before, what)
        self.assertEqual(self.tools(), [], what)
        self.assertEqual(self.home.ok("list", "--json"), listed, what)

    def test_import(self):
        for version in (1, 2):
            self.check(f"import into v{version}", "COPY", "ImportDistro", name="new", host_path=self.archives["one"],
                       version=version)

    def test_import_of_what_is_slow_to_unpack(self):
        packed = self.out + "/big.tar.bz2"
        with open(packed, "wb") as file:
            subprocess.run(["bzip2", "-1", "-c", self.archives["small"]], stdout=file, check=True)
        os.chmod(packed, 0o644)
        self.check("import of a .tar.bz2", "COPY", "ImportDistro", name="new", host_path=packed, version=1)
        os.unlink(packed)

    def test_import_of_a_disk_image(self):
        image = self.out + "/whole.vhdx"
        self.home.ok("export", "one", image)
        # Made raw by qemu-img.
        self.check("import of a VHDX", "PREPARE", "ImportDistro", at_once=True, name="new", host_path=image, version=1)
        self.check("import of a VHDX", "COPY", "ImportDistro", name="new", host_path=image, version=1)
        os.unlink(image)

    def test_import_from_a_stream_that_stalls(self):
        before = self.files()
        process = self.home.popen("import", "new", "-", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        with open(self.archives["one"], "rb") as file:
            for _ in range(40):
                process.stdin.write(file.read(1 << 20))
        process.stdin.flush()
        request = self.api.operation.ListOperationsRequest(unfinished_only=True)
        operation = wait_for(lambda: self.api.operations.ListOperations(request).operations)[0]
        self.cancelled("import from -", operation.id, "COPY")
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, err)
        self.assertEqual(self.files(), before)

    def test_export(self):
        for distro, name, phase in (("one", "x.tar", "COPY"), ("two", "x.tar", "COPY"), ("one", "x.tar.zst", "COPY"),
                                    ("one", "x.tar.xz", "COPY"), ("one", "x.tar.bz2", "COPY"), ("one", "x.vhdx", "COPY")):
            self.check(f"export of {distro} to {name}", phase, "ExportDistro", distro=distro, host_path=f"{self.out}/{name}")

    def test_export_to_a_stream(self):
        process = self.home.popen("export", "one", "-", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        process.stdout.read(10 << 20)
        request = self.api.operation.ListOperationsRequest(unfinished_only=True)
        operation = self.api.operations.ListOperations(request).operations[0]
        reader = threading.Timer(1, process.stdout.read)
        reader.start()
        self.cancelled("export to -", operation.id, "COPY")
        reader.join()
        process.stdout.close()
        process.stderr.close()
        self.assertEqual(process.wait(60), 130)

    def test_convert(self):
        for distro, version in (("one", 2), ("two", 1)):
            for phase in ("COPY", "VERIFY"):
                self.check(f"convert to v{version}", phase, "ConvertDistro", at_once=phase == "VERIFY", distro=distro,
                           version=version, disk_size=DISK if version == 2 else 0)

    def test_clone(self):
        for distro in ("one", "two"):
            for phase in ("COPY", "VERIFY"):
                self.check(f"clone of {distro}", phase, "CloneDistro", at_once=True, distro=distro, name="new")

    def test_resize(self):
        # The check of a disk of this size takes seconds.
        for phase in ("COPY", "RESIZE", "VERIFY"):
            self.check("resize", phase, "ResizeDistro", at_once=True, distro="two", disk_size=DISK + (1 << 30))

    def test_check_and_trim(self):
        self.check("check of one", "VERIFY", "CheckDistro", at_once=True, distro="one")
        self.check("check of two", "VERIFY", "CheckDistro", at_once=True, distro="two")
        self.check("trim", "TRIM", "TrimDistro", at_once=True, distro="two")

    def test_compare(self):
        tree = self.api.distro_service.Tree
        self.check("compare", "VERIFY", "CompareTrees", first=tree(distro="one"), second=tree(host_path=self.archives["one"]))

    def test_push_and_pull(self):
        server = RegistryServer()
        self.addCleanup(server.close)
        slow = SlowWay(server.port, 10 << 20)
        self.addCleanup(slow.close)
        far, near = (f"127.0.0.1:{port}/team/big:1" for port in (slow.port, server.port))
        for phase in ("COPY", "SEND"):
            self.check("push", phase, "PushDistro", distro="small", image=far)
        self.home.ok("push", "small", near)
        for version in (1, 2):
            self.check(f"pull into v{version}", "FETCH", "PullDistro", name="new", image=far, version=version)

    def test_one_that_is_done_is_not_cancelled(self):
        enum = self.api.operation
        operation = self.begin("ExportDistro", distro="small", host_path=self.out + "/done.tar")
        self.api.watch(operation).wait(lambda o: o.state == enum.OPERATION_STATE_DONE)
        with self.assertRaises(grpc.RpcError) as raised:
            self.api.operations.CancelOperation(enum.CancelOperationRequest(id=operation))
        self.assertEqual(raised.exception.code(), grpc.StatusCode.FAILED_PRECONDITION)
        os.unlink(self.out + "/done.tar")


if __name__ == "__main__":
    unittest.main()
