"""The runtimes against the kernel: the suite of ../conformance, and the scripts of ../v1/checks, run by root on the bare
kernel and by a distro's root in the same Debian."""

import glob
import os
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

from harness import BIN, ROOT, DistroTest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/../conformance")
import results  # noqa: E402

CHECKS = sorted(glob.glob(HERE + "/../v1/checks/*.sh"))
AS_ROOT = os.getuid() == 0


class BareKernel:
    """The Debian root as a folder, made once."""

    folder = None
    suite = None

    @classmethod
    def root(cls):
        if not cls.folder:
            cls.folder = tempfile.TemporaryDirectory(prefix="wslm-bare-", dir="/var/tmp")
            unittest.addModuleCleanup(cls.folder.cleanup)
            subprocess.run(["tar", "--numeric-owner", "-xpf", ROOT, "-C", cls.folder.name], check=True)
        return cls.folder.name

    @classmethod
    def results(cls):
        """Of the suite; none where nobody is root."""
        if AS_ROOT and not cls.suite:
            cls.suite = results.on_bare_kernel(cls.root(), BIN + "/conformance")
            results.keep("bare", cls.suite)
        return cls.suite


class Suite:
    """What a runtime's distro does with the suite."""

    def suite(self, program, name, *words, timeout=600):
        """Runs a program's tests whose names contain one of `words`; all without."""
        with open(f"{BIN}/{program}", "rb") as file:
            self.home.run("run", "--cd", "/", "--", "cat > /conformance; chmod 755 /conformance", input=file.read(), binary=True)
        found = results.parse(self.home.ok("run", "--cd", "/", "--", "exec /conformance " + shlex.join(words), timeout=timeout))
        self.assertGreater(len(found), 0)
        results.keep(name, found)
        self.assertEqual(results.differences(f"v{self.version}", found, BareKernel.results()), [])


class SuiteInV1(Suite, DistroTest):
    version = 1

    @unittest.skipUnless(AS_ROOT, "the bare kernel's answer needs root")
    def test_the_bare_kernel_passes(self):
        failed = [f"{name}: {reason}" for name, (kind, reason) in BareKernel.results().items() if kind == "fail"]
        self.assertEqual(failed, [])

    def test_v1_passes_what_the_bare_kernel_does(self):
        self.suite("conformance", "v1")

    def test_v1_passes_it_through_the_distros_c_library(self):
        self.suite("conformance-dynamic", "v1-dynamic")

    def test_v1_passes_it_without_the_fast_path(self):
        self.sh("printf '[wslm]\\nfastpath=false\\n' > /etc/wsl.conf")
        self.home.ok("terminate", "deb")
        self.addCleanup(self.home.ok, "terminate", "deb")
        self.addCleanup(self.sh, "rm /etc/wsl.conf")
        self.assertEqual(self.home.run("run", "--cd", "/", "--", "grep -c '/memfd:libc' /proc/self/maps").stdout, "0\n")
        self.suite("conformance-dynamic", "v1-no-fast-path")


class SuiteInV2(Suite, DistroTest):
    version = 2

    def test_v2_passes_what_the_bare_kernel_does(self):
        self.suite("conformance", "v2", timeout=900)


def steady(text):
    """Without what differs between two runs of anything."""
    return re.sub(r"tmp\.\w+", "tmp.X", text)


@unittest.skipUnless(AS_ROOT, "the bare kernel's answer needs root")
class Checks(DistroTest):
    version = 1

    def check(self, script):
        root = BareKernel.root()
        with open(script, encoding="utf-8") as file:
            text = file.read()
        with open(root + "/check.sh", "w", encoding="utf-8") as file:
            file.write(text)
        bare = subprocess.run([results.BARE_ROOT, root, "bash", "-c", "exec 2>&1; . /check.sh"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True, timeout=120)
        self.home.ok("run", "--cd", "/", "--", "cat > /check.sh", input=text)
        ours = self.home.run("run", "--cd", "/", "--", "LANG=C TERM=dumb exec bash -c 'exec 2>&1; . /check.sh'",
                             timeout=120)
        self.assertGreater(len(bare.stdout.splitlines()), 10, "the check does not work on the bare kernel")
        self.maxDiff = None
        self.assertEqual(steady(ours.stdout), steady(bare.stdout))


def add(script):
    name = os.path.basename(script)[:-len(".sh")]
    setattr(Checks, "test_" + name, lambda self: self.check(script))


for path in CHECKS:
    add(path)

if __name__ == "__main__":
    unittest.main()
