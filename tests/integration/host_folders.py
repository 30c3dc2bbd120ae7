"""Host folders in version 2: what they do, and what QEMU's 9P server does not (docs/files.md). See test_containers."""

import fcntl
import os


class HostFolders:
    """For a distro of version 2 with a user "ann" (uid 1000) and kernel_probe."""

    def setUp(self):
        super().setUp()
        self.folder = f"{self.home.path}/{self.id().split('.')[-1]}"
        self.inside = "/mnt/host" + self.folder

    def make_folder(self, **files):
        """A folder of the host's user with these files in it; answers a way to run scripts there."""
        os.mkdir(self.folder)
        os.chown(self.folder, self.home.uid, self.home.gid)
        for name, content in files.items():
            with open(f"{self.folder}/{name}", "w", encoding="utf-8") as file:
                file.write(content)
                os.fchown(file.fileno(), self.home.uid, self.home.gid)
        return lambda script, *options: self.sh(f"cd {self.inside} && {script}", *options)

    def test_host_files_of_the_user_are_the_first_users_and_the_others_nobodys(self):
        run = self.make_folder(mine="text")
        self.assertEqual(run("stat -c %u:%g mine /mnt/host/etc/passwd"), "1000:1000\n65534:65534")
        run("echo ann >by-ann; chmod 640 by-ann; mkdir d", "-u", "ann")
        run("echo root >by-root; chmod 755 mine")
        for name in "by-ann", "by-root", "d", "mine":
            self.assertEqual(os.stat(f"{self.folder}/{name}").st_uid, self.home.uid, name)
        self.assertEqual([os.stat(f"{self.folder}/{name}").st_mode & 0o777 for name in ("by-ann", "mine")], [0o640, 0o755])
        self.assertEqual(self.home.run("run", "--cd", "/", "--", "echo x >>/mnt/host/etc/passwd").returncode, 1)

    def test_host_links_are_links_and_lead_where_they_say_inside(self):
        run = self.make_folder(file="text")
        os.symlink("file", self.folder + "/near")
        os.symlink("/etc/hostname-of-the-distro", self.folder + "/far")
        self.sh("echo inside >/etc/hostname-of-the-distro")
        self.assertEqual(run("cat near far; readlink near far"), "text\ninside\nfile\n/etc/hostname-of-the-distro".replace("text\n", "text"))
        run("ln -s file made; ln file hard; ln made also")
        self.assertEqual(os.readlink(self.folder + "/made"), "file")
        self.assertEqual(os.stat(self.folder + "/hard").st_ino, os.stat(self.folder + "/file").st_ino)

    def test_host_names_differ_by_case(self):
        run = self.make_folder(name="small", NAME="large")
        self.assertEqual(run("cat name; echo; cat NAME; echo; ls; test -e Name || echo none"), "small\nlarge\nNAME\nname\nnone")

    def test_a_host_file_that_is_open_outlives_a_rename_over_it(self):
        run = self.make_folder(old="old", new="new")
        self.assertEqual(run("exec 3<old; mv new old; cat <&3; echo; cat old"), "old\nnew")
        self.assertEqual(os.listdir(self.folder), ["old"])

    def test_a_host_file_can_be_mapped(self):
        run = self.make_folder(mapped="0123456789")
        self.assertEqual(run("kernel_probe map mapped"), "ok")
        with open(self.folder + "/mapped", encoding="utf-8") as file:
            self.assertEqual(file.read(), "mapped6789")

    def test_what_the_host_changes_is_seen_at_the_next_open(self):
        run = self.make_folder(file="before")
        self.assertEqual(run("cat file"), "before")
        with open(self.folder + "/file", "w", encoding="utf-8") as file:
            file.write("after it")
        self.assertEqual(run("cat file"), "after it")

    def test_locks_of_host_files_hold_between_processes_inside_only(self):
        run = self.make_folder(file="text")
        self.assertEqual(run("(flock 3; flock -n file true; echo $?) 3<file"), "1")
        self.assertEqual(run("kernel_probe lock file"), "ok")
        with open(self.folder + "/file", "r+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            fcntl.lockf(file, fcntl.LOCK_EX)
            self.assertEqual(run("flock -n file echo not seen"), "not seen")

    def test_a_host_file_that_is_open_and_removed_can_be_read_and_written_and_not_changed_otherwise(self):
        run = self.make_folder(file="text")
        program = ("open F, q(+<), q(file); unlink q(file); print <F>; seek F, 0, 0; print syswrite(F, q(more)); "
                   "$! = 0; truncate(F, 2); print qq(\\n$!); $! = 0; chmod(0600, *F); print qq(\\n$!)")
        self.assertEqual(run(f'LANG=C perl -e "{program}"'.replace("$!", "\\$!")), "text4\nNo such file or directory\nNo such file or directory")
