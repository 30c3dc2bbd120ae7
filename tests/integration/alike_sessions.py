"""Sessions: the same behaviour in both runtimes. See test_alike."""

import hashlib
import os
import signal
import subprocess
import time

from harness import wait_for


class Sessions:
    """What holds in v1 and in v2; the distro has a user "ann" (uid 1000)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.add_user("ann", 1000)

    def test_the_exit_code_is_the_guests(self):
        for code in (0, 1, 42, 255):
            self.assertEqual(self.home.run("run", "--", f"exit {code}").returncode, code)

    def test_a_signal_that_ends_the_guest_gives_128_and_its_number(self):
        self.assertEqual(self.home.run("run", "--", "kill -9 $$").returncode, 128 + 9)

    def test_what_is_not_found_gives_127_and_what_is_not_executable_126(self):
        self.assertEqual(self.home.run("-e", "no-such-program").returncode, 127)
        self.assertEqual(self.home.run("-e", "/etc/passwd").returncode, 126)

    def test_wslms_own_failure_gives_125_and_a_reason(self):
        result = self.home.run("-d", "nobody-here", "true")
        self.assertEqual(result.returncode, 125)
        self.assertIn("Error code: DISTRO_NOT_FOUND", result.stderr)
        self.assertEqual(result.stdout, "")

    def test_an_unknown_user_is_an_error(self):
        result = self.home.run("-u", "nobody-here", "true")
        self.assertEqual(result.returncode, 125)
        self.assertIn("Error code: USER_NOT_FOUND", result.stderr)

    def test_what_a_detached_command_fails_of_is_told(self):
        for options, code in (("-u", "nobody-here"), "USER_NOT_FOUND"), (("-d", "nobody-here"), "DISTRO_NOT_FOUND"):
            result = self.home.run("run", "--detach", *options, "true")
            self.assertEqual(result.returncode, 125)
            self.assertIn(f"Error code: {code}", result.stderr)

    def test_one_word_goes_to_the_shell_as_it_is(self):
        self.assertEqual(self.home.ok("echo a; echo b | tr b c"), "a\nc\n")

    def test_several_words_reach_the_program_as_exactly_those_arguments(self):
        words = ["a b", "", "$HOME", "'", '"', "*", "\\", "a\nb", "-n", "ü"]
        self.assertEqual(self.home.ok("printf", "[%s]", *words), "".join(f"[{w}]" for w in words))

    def test_exec_uses_no_shell(self):
        self.assertEqual(self.home.ok("-e", "printf", "%s|%s", "$HOME", ""), "$HOME|")

    def test_after_two_dashes_everything_is_the_guests(self):
        self.assertEqual(self.home.ok("--", "echo", "list", "-v"), "list -v\n")

    def test_streams_are_apart(self):
        result = self.home.run("run", "--", "echo out; echo err >&2")
        self.assertEqual((result.stdout, result.stderr), ("out\n", "err\n"))

    def test_standard_input_passes_unharmed_both_ways(self):
        data = os.urandom(8 << 20)
        result = self.home.run("-e", "cat", input=data, binary=True)
        self.assertEqual(result.returncode, 0)
        self.assertEqual(hashlib.sha256(result.stdout).digest(), hashlib.sha256(data).digest())

    def test_a_reader_that_stops_ends_the_writer(self):
        process = self.home.popen("run", "--", "yes", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        process.stdout.read(100000)
        process.stdout.close()
        self.assertNotEqual(process.wait(timeout=60), 0)
        wait_for(lambda: self.sh("cat /proc/[0-9]*/comm 2>/dev/null; true").split().count("yes") == 0)

    def test_the_default_user_is_root_and_u_names_another(self):
        self.assertEqual(self.home.ok("id", "-u"), "0\n")
        self.assertEqual(self.home.ok("-u", "ann", "id -un; id -gn; echo $HOME $USER $LOGNAME $SHELL"),
                         "ann\nann\n/home/ann ann ann /bin/sh\n")
        self.assertEqual(self.home.ok("-u", "1000", "id", "-un"), "ann\n")

    def test_wsl_conf_names_the_default_user(self):
        self.sh("printf '[user]\\ndefault = ann\\n' > /etc/wsl.conf")
        self.addCleanup(lambda: self.sh("rm /etc/wsl.conf", "-u", "root"))
        self.assertEqual(self.home.ok("id", "-un"), "ann\n")

    def test_permissions_between_users_hold(self):
        self.sh("umask 022; echo secret > /root/secret; chmod 600 /root/secret; mkdir -p /var/tmp/own; chmod 755 /var/tmp/own")
        result = self.home.run("-u", "ann", "--cd", "/", "cat /root/secret; touch /var/tmp/own/x; rm /etc/passwd; chown 0 ~; kill -9 1")
        self.assertNotIn("secret\n", result.stdout)
        self.assertEqual(result.stderr.count("ermi"), 5, result.stderr)
        self.assertEqual(self.sh("su ann -c 'touch /tmp/by-ann; stat -c %U:%G /tmp/by-ann'"), "ann:ann")

    def test_owners_modes_and_devices_are_kept_over_a_restart(self):
        self.sh("cd /var/tmp && touch f && chown 1234:4321 f && chmod 4751 f && mkdir -p d && chmod 3777 d && chown 7:8 d &&"
                " ln -sf f l && chown -h 9:10 l && rm -f c && mknod c c 5 1 && rm -f p && mkfifo p && chown 11:12 p")
        before = self.sh("cd /var/tmp && stat -c '%n %F %a %u:%g %t:%T' f d l c p")
        self.assertEqual(before.splitlines()[0], "f regular empty file 4751 1234:4321 0:0")
        self.assertIn("c character special file 644 0:0 5:1", before)
        self.home.ok("terminate", "deb")
        self.assertEqual(self.sh("cd /var/tmp && stat -c '%n %F %a %u:%g %t:%T' f d l c p"), before)

    def test_the_folder_is_the_callers_seen_through_the_automount(self):
        folder = os.path.join("/tmp", f"wslm-folder-{os.getpid()}")
        os.makedirs(folder, exist_ok=True)
        self.addCleanup(os.rmdir, folder)
        self.assertEqual(self.home.ok("pwd", cwd=folder), f"/mnt/host{folder}\n")

    def test_wsl_conf_moves_the_automount_and_keeps_the_distros_own_hosts(self):
        self.sh("printf '[automount]\\nroot = /media\\n[network]\\ngenerateHosts = false\\n' > /etc/wsl.conf; cp /etc/hosts /etc/hosts.ours")
        self.home.ok("terminate", "deb")
        self.addCleanup(lambda: self.home.ok("terminate", "deb"))
        self.addCleanup(lambda: self.sh("rm /etc/wsl.conf /etc/hosts.ours"))
        self.assertEqual(self.home.ok("pwd", cwd="/usr/share"), "/media/host/usr/share\n")
        self.assertEqual(self.sh("cmp -s /etc/hosts /etc/hosts.ours || echo its own"), "its own")

    def test_cd_names_the_folder(self):
        self.assertEqual(self.home.ok("--cd", "/usr/bin", "pwd"), "/usr/bin\n")
        self.assertEqual(self.home.ok("--cd", "~", "-u", "ann", "pwd"), "/home/ann\n")
        self.assertEqual(self.home.ok("~", "pwd"), "/root\n")
        self.assertEqual(self.home.run("--cd", "/no/such", "pwd").returncode, 125)
        self.assertEqual(self.home.ok("--cd", "share", "pwd", cwd="/usr"), "/mnt/host/usr/share\n")
        self.assertEqual(self.home.run("--cd", "no-such", "pwd", cwd="/usr").returncode, 125)

    def test_the_environment_is_clean_and_takes_variables(self):
        out = self.home.ok("run", "-E", "K=a b", "--", "env", env={"SECRET_OF_THE_HOST": "x"})
        self.assertIn("\nK=a b\n", "\n" + out)
        self.assertIn("WSL_DISTRO_NAME=deb\n", out)
        self.assertNotIn("SECRET_OF_THE_HOST", out)
        self.assertNotIn("WSLM_HOME", out)

    def test_no_descriptor_of_the_host_is_open_inside(self):
        self.assertEqual(self.home.ok("-e", "ls", "/proc/self/fd").split(), ["0", "1", "2", "3"])

    def test_the_distro_has_a_pid_1_of_its_own_and_sees_only_its_own_processes(self):
        self.assertEqual(self.sh("cat /proc/1/comm"), "wslm-init")
        self.assertLess(len(self.sh("ls -d /proc/[0-9]*").split()), 12)

    def test_orphans_are_reaped(self):
        self.sh("pid=$(sh -c 'sleep 0.2 >/dev/null & echo $!'); while [ -e /proc/$pid ]; do sleep 0.05; done", timeout=60)

    def test_a_terminal_inside_is_a_terminal(self):
        terminal = self.terminal("run", "--", "tty; stty size; echo $TERM; exit 3", rows=33, columns=101)
        terminal.expect(r"/dev/pts/\d+\r\n33 101\r\nxterm\r\n")
        self.assertEqual(terminal.wait(), 3)

    def test_a_new_size_reaches_the_guest(self):
        terminal = self.terminal("run", "--", "trap 'stty size' WINCH; trap 'exit 130' INT; echo ready; while :; do sleep 0.1; done")
        terminal.expect("ready")
        terminal.resize(50, 132)
        terminal.expect("50 132")
        terminal.send("\x03")
        self.assertEqual(terminal.wait(), 130)

    def test_ctrl_c_interrupts_the_foreground_job_not_the_shell(self):
        terminal = self.terminal(env={"TERM": "dumb"})
        terminal.expect(r"[#$] ")
        terminal.send("echo begin; sleep 100\r")
        terminal.expect("begin\r\n")
        time.sleep(0.3)
        terminal.send("\x03")
        terminal.send("echo still $((40+2))\r")
        terminal.expect("still 42")
        terminal.send("exit 5\r")
        self.assertEqual(terminal.wait(), 5)

    def test_only_redirected_streams_are_pipes(self):
        script = "test -t 0 && test -t 1 && ! test -t 2 && echo to the terminal && echo to the file >&2"
        with open(self.home.path + "/err.log", "w+") as file:
            terminal = self.terminal("run", "--", script, stderr=file)
            terminal.expect("to the terminal")
            self.assertEqual(terminal.wait(), 0)
            file.seek(0)
            self.assertEqual(file.read(), "to the file\n")

    def test_sigterm_reaches_the_guest_without_a_terminal(self):
        process = self.home.popen("run", "--", "trap 'echo got it; exit 9' TERM; echo ready; while :; do sleep 0.1; done",
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.assertEqual(process.stdout.readline(), "ready\n")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.stdout.readline(), "got it\n")
        self.assertEqual(process.wait(timeout=30), 9)
        process.stdout.close()

    def test_a_shell_with_a_background_job_lives_through_kill_9_of_the_daemon(self):
        terminal = self.terminal(env={"TERM": "dumb"})
        terminal.expect(r"[#$] ")
        terminal.send("sleep 4711 & X=kept; echo pid $!\r")
        pid = terminal.expect(r"pid (\d+)\r\n").group(1)
        os.kill(self.home.daemon_pid(), signal.SIGKILL)
        terminal.send(f"echo $X; kill -0 {pid} && echo job-$((6*7))\r")
        terminal.expect(r"kept\r\n", timeout=60)
        terminal.expect(r"job-42\r\n")
        self.assertIn("deb", self.home.ok("list", "--running"))
        terminal.send(f"kill {pid}; exit 0\r")
        self.assertEqual(terminal.wait(), 0)

    def test_sigterm_of_the_daemon_leaves_distros_running_and_sessions_attached(self):
        self.sh("nohup sleep 4712 >/dev/null 2>&1 &")
        terminal = self.terminal(env={"TERM": "dumb"})
        terminal.expect(r"[#$] ")
        for stop in (lambda pid: self.home.ok("daemon", "stop"), lambda pid: os.kill(pid, signal.SIGTERM)):
            terminal.send("X=kept; echo begun-$((6*7))\r")
            terminal.expect(r"begun-42\r\n")
            pid = self.home.daemon_pid()
            stop(pid)
            wait_for(lambda: not os.path.exists(f"/proc/{pid}"))
            terminal.send("echo $X; unset X\r")
            terminal.expect(r"\nkept\r\n")
        terminal.send("exit 7\r")
        self.assertEqual(terminal.wait(), 7)
        self.assertIn("4712", self.sh("cat /proc/[0-9]*/cmdline | tr '\\0' ' '"))
        self.sh("kill $(grep -l 4712 /proc/[0-9]*/cmdline | cut -d/ -f3 | head -n1)")

    def test_many_sessions_at_once(self):
        processes = [self.home.popen("run", "--", f"sleep 1; echo {i}", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     text=True) for i in range(20)]
        self.assertEqual([p.communicate(timeout=120)[0] for p in processes], [f"{i}\n" for i in range(20)])
