"""Drives the real wslm and wslmd in a WSLM_HOME of their own.

Environment: WSLM_BIN (folder with the programs), WSLM_TEST_ROOT (a Debian root as a tar), WSLM_TEST_CACHE (a folder that
outlives the test: v2's kernel). Run by root, everything of wslm's runs as the ordinary user WSLM_TEST_USER.
"""

import fcntl
import json
import os
import pty
import pwd
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest

BIN = os.environ["WSLM_BIN"]
ROOT = os.environ.get("WSLM_TEST_ROOT", "")
CACHE = os.environ.get("WSLM_TEST_CACHE", "")


def user():
    """The ordinary user that wslm runs as: (name, uid, gid, home)."""
    if os.getuid() != 0:
        entry = pwd.getpwuid(os.getuid())
    else:
        entry = pwd.getpwnam(os.environ.get("WSLM_TEST_USER", "nobody"))
    return entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir


class Home:
    """A WSLM_HOME with what runs in it; close() ends and removes all."""

    def __init__(self):
        _, self.uid, self.gid, self.user_home = user()
        self.path = tempfile.mkdtemp(prefix="wslm-", dir="/tmp")
        os.chown(self.path, self.uid, self.gid)
        if CACHE:
            os.makedirs(CACHE, exist_ok=True)
            os.chown(CACHE, self.uid, self.gid)
            os.symlink(CACHE, self.path + "/cache")
        self.env = {
            "WSLM_HOME": self.path,
            "HOME": self.user_home,
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "LANG": "C.UTF-8",
            "TERM": "xterm",
            "WSLM_NO_ROOT_WARNING": "1",
        }

    def folder(self, name):
        """A new folder of the user's in it."""
        path = f"{self.path}/{name}"
        os.mkdir(path)
        os.chown(path, self.uid, self.gid)
        return path

    def _become(self):
        if os.getuid() == 0:
            os.setgroups([])
            os.setresgid(self.gid, self.gid, self.gid)
            os.setresuid(self.uid, self.uid, self.uid)

    def popen(self, *args, cwd="/", env=None, **kwargs):
        return subprocess.Popen([BIN + "/wslm", *args], cwd=cwd, env=dict(self.env, **(env or {})),
                                preexec_fn=self._become, **kwargs)

    def spawn(self, *argv, **kwargs):
        """Starts another program as the user, with this test's environment."""
        return subprocess.Popen(argv, env=dict(os.environ, **self.env), preexec_fn=self._become, **kwargs)

    def follow_events(self, take):
        """Gives each of the daemon's events from now on, as of JSON, to `take` on another thread. Answers what ends that."""
        # As the user: the daemon serves nobody else.
        process = self.spawn(sys.executable, "-B", "follow_events.py", self.ok("daemon", "socket").strip(),
                             cwd=os.path.dirname(os.path.abspath(__file__)), stdout=subprocess.PIPE, text=True)

        def follow():
            for line in process.stdout:
                take(json.loads(line))

        first = process.stdout.readline()
        assert "ready" in first, self.log()
        thread = threading.Thread(target=follow)
        thread.start()

        def end():
            process.kill()
            process.wait()
            thread.join()
            process.stdout.close()

        return end

    def run(self, *args, input=None, timeout=300, cwd="/", env=None, binary=False):
        """Runs wslm; stdin is empty unless given."""
        process = self.popen(*args, cwd=cwd, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=not binary)
        try:
            out, err = process.communicate(input if input is not None else (b"" if binary else ""), timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"wslm {args} did not end in {timeout} s; stdout {out!r} stderr {err!r}\n{self.log()}")
        return subprocess.CompletedProcess(args, process.returncode, out, err)

    def ok(self, *args, **kwargs):
        """Runs wslm, which must succeed; answers its stdout."""
        result = self.run(*args, **kwargs)
        if result.returncode != 0:
            raise AssertionError(f"wslm {args}: exit {result.returncode}\nstdout: {result.stdout}\nstderr: "
                                 f"{result.stderr}\n{self.log()}")
        return result.stdout

    def configure(self, text):
        """`text` is the user's wslm.conf for the next daemon; this one ends."""
        os.makedirs(self.path + "/config", exist_ok=True)
        with open(self.path + "/config/wslm.conf", "w", encoding="utf-8") as file:
            file.write("[wslm]\n" + text)
        self.ok("daemon", "stop")

    def log(self):
        try:
            with open(self.path + "/state/wslmd.log", errors="replace") as file:
                return "wslmd.log ends:\n" + "".join(file.readlines()[-30:])
        except OSError as error:
            return f"no wslmd.log: {error}"

    def daemon_pid(self):
        for line in self.ok("daemon", "status").splitlines():
            found = re.search(r"\bpid\D*(\d+)", line, re.IGNORECASE)
            if found:
                return int(found.group(1))
        raise AssertionError("daemon status names no pid")

    def leftovers(self):
        """Paths that only an unfinished operation would leave."""
        found = []
        for folder, folders, files in os.walk(self.path + "/data"):
            for name in folders + files:
                if name.startswith(".staging") or name.endswith((".new", ".part", ".tmp")):
                    found.append(os.path.join(folder, name))
            folders[:] = [f for f in folders if f != "rootfs"]
        return found

    def close(self):
        for command in (("shutdown",), ("daemon", "stop")):
            try:
                self.run(*command, timeout=60)
            except AssertionError as error:
                print(error)
        subprocess.run(["chmod", "-R", "u+rwX", self.path], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.path, ignore_errors=True)


class Terminal:
    """A wslm command on a pseudo terminal, as a person sees it."""

    def __init__(self, home, *args, rows=24, columns=80, cwd="/", env=None, stderr=None):
        self.output = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(cwd)
                if stderr:
                    os.dup2(stderr.fileno(), 2)
                fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
                home._become()
                os.execve(BIN + "/wslm", ["wslm", *args], dict(home.env, **(env or {})))
            finally:
                os._exit(99)
        self.home = home

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, text):
        os.write(self.fd, text.encode())

    def _read(self, timeout):
        if not select.select([self.fd], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.output += data.decode(errors="replace")
        return bool(data)

    def expect(self, pattern, timeout=60):
        """Waits until the output from here on matches; what matched is taken off it."""
        end = time.monotonic() + timeout
        while True:
            found = re.search(pattern, self.output)
            if found:
                self.output = self.output[found.end():]
                return found
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError(f"{pattern!r} did not come; there is {self.output[-2000:]!r}\n{self.home.log()}")
            if not self._read(min(left, 1)):
                time.sleep(0.05)

    def wait(self, timeout=60):
        """Waits for the command's end; answers its exit code."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            self._read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                while self._read(0.05):
                    pass
                return os.waitstatus_to_exitcode(status)
        raise AssertionError(f"the command did not end; there is {self.output[-2000:]!r}")

    def close(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


class DistroTest(unittest.TestCase):
    """A home with one Debian called "deb", imported once for the class."""

    version = 1
    distro_args = ()
    # Of wslm's, besides that of every Home.
    env = {}

    @classmethod
    def setUpClass(cls):
        if cls is DistroTest:
            raise unittest.SkipTest("a base")
        cls.home = Home()
        cls.addClassCleanup(cls.home.close)
        cls.home.env.update(cls.env)
        cls.home.ok("import", "deb", cls.archive(), "--version", str(cls.version), *cls.distro_args)

    @classmethod
    def archive(cls):
        """What is imported."""
        return ROOT

    def sh(self, script, *options, **kwargs):
        """Runs a script by the guest's shell as root in /; answers stdout without the last newline."""
        return self.home.ok("run", "--cd", "/", *options, "--", script, **kwargs).rstrip("\n")

    @classmethod
    def add_user(cls, name, uid):
        """An account with a home and /bin/sh, whatever tools the distro has for that."""
        cls.home.ok("run", "--cd", "/", "-u", "root", "--",
                    f"echo '{name}:x:{uid}:{uid}::/home/{name}:/bin/sh' >> /etc/passwd; echo '{name}:x:{uid}:' >> /etc/group; "
                    f"echo '{name}:!:19000:0:99999:7:::' >> /etc/shadow; mkdir -p /home/{name}; chown {uid}:{uid} /home/{name}")

    def needs(self, *programs):
        """Skips a test that wants what the distro doesn't have: WSLM_TEST_ROOT may be another than Debian."""
        missing = self.sh(f"for p in {' '.join(programs)}; do command -v $p >/dev/null || echo $p; done", "-u", "root").split()
        if missing:
            self.skipTest("the distro has no " + " and no ".join(missing))

    def terminal(self, *args, **kwargs):
        terminal = Terminal(self.home, *args, **kwargs)
        self.addCleanup(terminal.close)
        return terminal


def wait_for(condition, timeout=30, interval=0.1):
    """The first true answer of condition()."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("it did not come about in time")
        time.sleep(interval)
