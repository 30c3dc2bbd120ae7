"""A distro without the GNU C library and without Debian's tools: musl, and busybox as all programs, in v1."""

import os
import subprocess
import sys
import tempfile
import unittest

from harness import BIN, DistroTest
from roots import HERE, made_root

sys.path.insert(0, HERE + "/../conformance")
import results  # noqa: E402


class Musl(DistroTest):
    version = 1

    @classmethod
    def archive(cls):
        return made_root("musl/recipe")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.home.ok("run", "--cd", "/", "--", "adduser -D -u 1000 -s /bin/sh ann && echo 'ann:secret' | chpasswd")

    def put(self, path, content, mode="755"):
        self.home.run("run", "--cd", "/", "--", f"cat > {path}; chmod {mode} {path}", input=content, binary=True)

    def test_it_is_what_it_says(self):
        self.assertEqual(self.sh("ls /lib /lib64 2>/dev/null; readlink /bin/ls; . /etc/os-release; echo $ID"),
                         "/lib:\nld-musl-x86_64.so.1\nlibc.musl-x86_64.so.1\n/bin/busybox\nmusl-busybox")

    def test_sessions_run_its_shell_as_whom_one_asks_for(self):
        self.assertEqual(self.home.ok("run", "-u", "ann", "--", "id -un; id -gn; pwd; echo $SHELL $HOME", cwd="/"),
                         "ann\nann\n/mnt/host\n/bin/sh /home/ann\n")
        self.assertEqual(self.home.run("run", "--", "exit 7").returncode, 7)
        terminal = self.terminal(env={"TERM": "dumb"})
        terminal.expect(r"[#$] ")
        terminal.send("tty; echo $((40+2)); exit 5\r")
        terminal.expect(r"/dev/pts/\d+\r\n42\r\n")
        self.assertEqual(terminal.wait(), 5)

    def test_scripts_run(self):
        self.put("/usr/local/bin/script", b"#!/bin/sh\nfor i in 1 2 3; do echo $i; done | (while read -r n; do echo $((n * n)); done) | sort -r\n")
        self.put("/usr/local/bin/env-script", b"#!/usr/bin/env sh\necho $0 $#: \"$@\"\n")
        self.assertEqual(self.sh("script; env-script a 'b c'"), "9\n4\n1\n/usr/local/bin/env-script 2: a b c")

    def test_owners_and_modes_are_kept_and_enforced(self):
        self.sh("cd /var/tmp; touch f; chown 77:88 f; chmod 4711 f; mkdir -p own; mknod null c 1 3; echo secret > closed; chmod 600 closed")
        self.home.ok("terminate", "deb")
        self.assertEqual(self.sh("cd /var/tmp; stat -c '%u:%g %a %F' f; stat -c '%F %t:%T' null"),
                         "77:88 4711 regular empty file\ncharacter special file 1:3")
        refused = self.home.run("run", "-u", "ann", "--cd", "/var/tmp", "cat closed; touch own/x; chown 0 f; rm -f f; kill -9 1")
        self.assertEqual((refused.stdout, refused.stderr.count("not permitted") + refused.stderr.count("denied")), ("", 5), refused.stderr)

    def test_accounts_are_made_and_changed(self):
        self.assertEqual(self.sh("addgroup -g 500 team; adduser -D -u 1001 -G team bob; addgroup ann team; id bob; id ann; stat -c %U:%G:%a /home/bob;"
                                 " deluser --remove-home bob; id bob 2>&1; ls /home"),
                         "uid=1001(bob) gid=500(team) groups=500(team)\nuid=1000(ann) gid=1000(ann) groups=1000(ann),500(team)\n"
                         "bob:team:2755\nid: unknown user bob\nann")

    def test_su_is_set_id_and_asks_for_the_password(self):
        self.assertEqual(self.sh("su ann -c 'id -un; cd; pwd'"), "ann\n/home/ann")
        self.sh("echo 'root:other' | chpasswd")
        terminal = self.terminal("run", "-u", "ann", "--cd", "/", "--", "su -c 'id -u; echo from $USER; touch /root/by-su'", env={"TERM": "dumb"})
        terminal.expect("assword: ")
        terminal.send("other\r")
        terminal.expect(r"\n0\r\n")
        self.assertEqual(terminal.wait(), 0)
        terminal = self.terminal("run", "-u", "ann", "--cd", "/", "--", "su -c 'id -u'", env={"TERM": "dumb"})
        terminal.expect("assword: ")
        terminal.send("wrong\r")
        terminal.expect("ncorrect")
        self.assertEqual(terminal.wait(), 1)
        # All else of the same file gives its rights up.
        self.assertNotEqual(self.home.run("run", "-u", "ann", "--cd", "/", "cat /etc/shadow").returncode, 0)

    def test_processes_are_seen_with_their_owners(self):
        self.assertEqual(self.sh("su ann -c 'sleep 4716 & ps -o user,args | grep \"^ann *sleep 471[6]\"; kill $!'").split(), ["ann", "sleep", "4716"])

    def test_archives_keep_owners(self):
        self.sh("mkdir -p /srv/a/b; cd /srv/a; echo text >b/f; chown -R 5:6 b; chmod 2750 b; ln -s b/f l; mkfifo p")
        self.assertEqual(self.sh("cd /srv; tar -c a | (mkdir c; tar -x -C c); cd a; find . | sort | xargs stat -c '%n %u:%g %a %F' >/tmp/one;"
                                 " cd ../c/a; find . | sort | xargs stat -c '%n %u:%g %a %F' | cmp - /tmp/one; grep -c : /tmp/one"), "5")

    def test_mounts_of_its_own_namespace(self):
        self.assertEqual(self.sh("unshare -m sh -c 'mount -t tmpfs t /mnt && echo text >/mnt/f && cat /mnt/f'; ls /mnt/f 2>&1 || true"),
                         "text\nls: /mnt/f: No such file or directory")

    def conformance(self, program):
        """What passes on the bare kernel, in this root, passes here; what this C library does otherwise, it does in both."""
        with tempfile.TemporaryDirectory(prefix="wslm-bare-", dir="/var/tmp") as root:
            subprocess.run(["tar", "--numeric-owner", "-xpf", self.archive(), "-C", root], check=True)
            bare = results.on_bare_kernel(root, f"{BIN}/{program}")
        with open(f"{BIN}/{program}", "rb") as file:
            self.put("/conformance", file.read())
        found = results.parse(self.home.ok("run", "--cd", "/", "--", "exec /conformance", timeout=600))
        known = results.known_failures("v1")
        passed = [name for name, (kind, _) in bare.items() if kind == "pass"]
        self.assertGreater(len(passed), 300)
        self.assertEqual([f"{name}: {found[name][1]}" for name in passed if found[name][0] != "pass" and name not in known], [])

    @unittest.skipUnless(os.getuid() == 0, "the bare kernel's answer needs root")
    def test_v1_passes_what_the_bare_kernel_does(self):
        self.conformance("conformance-musl")

    @unittest.skipUnless(os.getuid() == 0, "the bare kernel's answer needs root")
    def test_v1_passes_it_as_a_static_program_of_musl(self):
        self.conformance("conformance-musl-static")

    @unittest.skipUnless(os.getuid() == 0, "the bare kernel's answer needs root")
    def test_v1_passes_it_as_a_static_program_of_the_gnu_c_library(self):
        self.conformance("conformance")


if __name__ == "__main__":
    unittest.main()
