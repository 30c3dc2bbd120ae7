"""The VM of the v2 distros: it outlives the daemon, whatever the daemon was doing, and a person sees what it waits for."""

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import threading
import time
import unittest

from harness import DistroTest, wait_for

KILLS = int(os.environ.get("WSLM_TEST_KILLS", "10"))


class Vm(DistroTest):
    version = 2

    def vm_pid(self):
        with open(self.home.path + "/run/v2/vm.json") as file:
            return json.load(file)["pid"]

    def daemons(self):
        """The pids of all daemons so far."""
        with open(self.home.path + "/state/wslmd.log") as file:
            return [int(pid) for pid in re.findall(r"\(process (\d+)\) listens on", file.read())]

    def kill_daemon(self):
        os.kill(self.daemons()[-1], signal.SIGKILL)

    def wait_for_the_next_daemon(self, before, timeout=60):
        return wait_for(lambda: len(self.daemons()) > before, timeout=timeout, interval=0.02)

    def test_a_stream_and_its_vm_live_through_kills_of_the_daemon(self):
        process = self.home.popen("run", "--cd", "/", "-e", "cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        sums = [hashlib.sha256(), hashlib.sha256()]
        begun = threading.Event()
        over = threading.Event()
        block = os.urandom(1 << 20)

        def feed():
            try:
                while not over.is_set():
                    process.stdin.write(block)
                    sums[0].update(block)
                process.stdin.close()
            except OSError:
                pass

        def drain():
            while data := process.stdout.read1(1 << 20):
                sums[1].update(data)
                begun.set()

        threads = [threading.Thread(target=f, daemon=True) for f in (feed, drain)]
        for thread in threads:
            thread.start()
        self.assertTrue(begun.wait(300), self.home.log())
        vm = self.vm_pid()
        for _ in range(KILLS):
            before = len(self.daemons())
            time.sleep(random.uniform(0.1, 1.0))
            self.kill_daemon()
            self.wait_for_the_next_daemon(before)
            self.assertEqual(self.vm_pid(), vm, self.home.log())
        over.set()
        code = process.wait(timeout=300)
        for thread in threads:
            thread.join(60)
        said = process.stderr.read().decode()
        process.stdout.close()
        process.stderr.close()
        self.assertEqual(self.vm_pid(), vm)
        self.assertEqual((code, said), (0, ""), self.home.log())
        self.assertEqual(sums[1].digest(), sums[0].digest())

    def test_a_vm_that_does_not_answer_is_waited_for_and_the_rest_is_served_meanwhile(self):
        process = self.home.popen("run", "--cd", "/", "--", "echo begin; read line; echo got $line", stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), "begin\n")
        vm = self.vm_pid()
        before = len(self.daemons())
        os.kill(vm, signal.SIGSTOP)
        try:
            self.kill_daemon()
            self.wait_for_the_next_daemon(before)
            self.assertRegex(self.home.ok("list", "-v", timeout=20), r"deb\s+Starting")
            # Longer than any of the first tries.
            time.sleep(12)
            self.assertRegex(self.home.ok("list", "-v", timeout=20), r"deb\s+Starting")
            self.assertIn("does not answer", self.home.log())
        finally:
            os.kill(vm, signal.SIGCONT)
        process.stdin.write("it\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), "got it\n")
        self.assertEqual(process.wait(timeout=60), 0)
        process.stdin.close()
        process.stdout.close()
        self.assertEqual(self.vm_pid(), vm)

    def test_a_vm_that_does_not_answer_is_ended_by_shutdown_and_the_next_start_says_what_it_does(self):
        self.sh("true")
        vm = self.vm_pid()
        before = len(self.daemons())
        os.kill(vm, signal.SIGSTOP)
        self.kill_daemon()
        self.home.ok("list", timeout=60)
        self.wait_for_the_next_daemon(before)
        self.home.ok("shutdown", timeout=60)
        # Gone, or dead and not yet collected.
        wait_for(lambda: not os.path.exists(f"/proc/{vm}/exe"))
        terminal = self.terminal("run", "--cd", "/", "--", "echo up-$((40+2))")
        terminal.expect(r"Starting deb: booting the VM \(\w+\)\.\.\.", timeout=120)
        terminal.expect("up-42", timeout=300)
        self.assertEqual(terminal.wait(), 0)
        terminal = self.terminal("terminate", "deb")
        terminal.expect(r"Stopping deb\.\.\.")
        terminal.expect(r"deb is stopped\.")
        self.assertEqual(terminal.wait(), 0)


if __name__ == "__main__":
    unittest.main()
