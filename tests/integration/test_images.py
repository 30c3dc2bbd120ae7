"""Every form of image in and out, container registries, check and compare, through the real programs."""

import hashlib
import io
import json
import os
import subprocess
import tarfile
import tempfile
import unittest

from harness import Home, wait_for
from registry_server import RegistryServer
from small_distro import write_small_distro


class Images(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = Home()
        cls.addClassCleanup(cls.home.close)
        cls.out = cls.home.folder("out")
        cls.archive = cls.out + "/small.tar"
        write_small_distro(cls.archive)
        cls.home.ok("import", "base", cls.archive)

    def tearDown(self):
        for name in self.home.ok("list", "-q").split():
            if name != "base":
                self.home.ok("unregister", name, "--purge")
        self.assertEqual(self.home.leftovers(), [])

    def same(self, a, b):
        result = self.home.run("compare", a, b)
        self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)

    def exported(self, name, *options):
        path = f"{self.out}/{name}"
        if os.path.exists(path):
            os.unlink(path)
        self.home.ok("export", "base", path, *options)
        self.addCleanup(os.unlink, path)
        return path

    def test_every_form_goes_out_and_in_again(self):
        for name, options in (("a.tar.xz", ()), ("a.vhdx", ()), ("a.vhd", ()), ("a.qcow2", ()), ("a.img", ()),
                              ("b.tar", ("--format", "oci")), ("c", ("--format", "qcow2")), ("d", ("--format", "tar.bz2")), ("e", ("--format", "tar.lz4"))):
            path = self.exported(name, *options)
            self.same("base", path)
            for version in ("1", "2"):
                with self.subTest(name, version=version):
                    self.home.ok("import", "copy", path, "--version", version)
                    self.same("base", "copy")
                    self.home.ok("unregister", "copy", "--purge")

    def test_images_come_through_standard_input_too(self):
        for name, options in (("a.qcow2", ()), ("b.tar", ("--format", "oci"))):
            path = self.exported(name, *options)
            with self.subTest(name), open(path, "rb") as file:
                self.home.ok("import", "copy", "-", input=file.read(), binary=True)
                self.same("base", "copy")
                self.home.ok("unregister", "copy", "--purge")

    def test_a_disk_image_is_no_stream(self):
        result = self.home.run("export", "base", "-", "--format", "vhdx")
        self.assertEqual(result.returncode, 1)
        self.assertIn("name a file", result.stderr)

    def test_a_raw_image_is_said_to_be_as_large_as_the_room_that_it_takes(self):
        result = self.home.run("export", "base", self.out + "/long.img")
        self.addCleanup(os.unlink, self.out + "/long.img")
        self.assertRegex(result.stderr, r"Exported base \([\d.]+ MiB\)")
        self.assertGreater(os.stat(self.out + "/long.img").st_size, 1 << 30)

    def test_an_image_that_names_another_file_is_refused(self):
        backing = self.exported("a.img")
        path = self.out + "/overlay.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", backing, "-F", "raw", path], check=True)
        self.addCleanup(os.unlink, path)
        os.chmod(path, 0o644)
        for command in (("import", "bad", path), ("import-in-place", "bad", path)):
            result = self.home.run(*command)
            self.assertEqual(result.returncode, 1)
            self.assertIn("Error code: UNSUPPORTED_FORMAT", result.stderr)

    def test_compare_tells_what_differs(self):
        changed = self.out + "/changed.tar"
        self.addCleanup(os.unlink, changed)
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["tar", "-C", folder, "-xf", self.archive, "bin", "etc"], check=True)
            with open(folder + "/etc/new", "w") as file:
                file.write("new")
            os.chmod(folder + "/etc/os-release", 0o600)
            with open(folder + "/etc/os-release", "a") as file:
                file.write("MORE=1\n")
            subprocess.run(["tar", "-C", folder, "-cf", changed, "."], check=True)
        result = self.home.run("compare", "base", changed)
        self.assertEqual(result.returncode, 1, result.stderr)
        lines = result.stdout.splitlines()
        self.assertIn("+ etc/new", lines)
        self.assertIn("- home", lines)
        self.assertIn("- console", lines)
        self.assertRegex(result.stdout, r"(?m)^~ etc/os-release: mode 0644 -> 0600, .*mtime .* -> .*, size 22 -> 29$")
        told = json.loads(self.home.run("compare", "base", changed, "--json").stdout)
        self.assertEqual(int(told["count"]), len(told["differences"]))
        self.assertEqual(self.home.run("compare", "base", "nobody").returncode, 2)
        self.assertEqual(self.home.run("compare", "base", "base").returncode, 2)

    def test_check_finds_and_mends(self):
        self.home.ok("import", "one", self.archive)
        self.assertIn("no faults", self.home.run("check", "one").stderr)
        place = json.loads(self.home.ok("list", "--json"))["distros"]
        place = next(d["location"] for d in place if d["name"] == "one")
        os.chmod(place + "/rootfs/etc/os-release", 0)
        found = self.home.run("check", "one")
        self.assertEqual(found.returncode, 1, found.stderr)
        self.assertIn("etc/os-release: ", found.stdout)
        self.assertIn("--repair", found.stderr)
        mended = self.home.run("check", "one", "--repair")
        self.assertEqual(mended.returncode, 0, mended.stdout + mended.stderr)
        self.assertIn("(repaired)", mended.stdout)
        self.assertIn("no faults", self.home.run("check", "one").stderr)
        self.home.ok("import", "two", self.archive, "--version", "2")
        self.assertIn("no faults", self.home.run("check", "two").stderr)
        image = next(d["location"] for d in json.loads(self.home.ok("list", "--json"))["distros"] if d["name"] == "two")
        subprocess.run(["/sbin/debugfs", "-w", "-R", "set_inode_field <2> links_count 77", image + "/disk.img"],
                       check=True, capture_output=True)
        os.chown(image + "/disk.img", self.home.uid, self.home.gid)
        self.assertEqual(self.home.run("check", "two").returncode, 1)
        mended = self.home.run("check", "two", "--repair")
        self.assertEqual(mended.returncode, 0, mended.stdout + mended.stderr)
        self.assertIn("no faults", self.home.run("check", "two").stderr)

    def test_an_image_is_used_where_it_lies_and_stays(self):
        for name in ("place.img", "place.vhdx"):
            with self.subTest(name):
                path = self.exported(name)
                self.home.ok("import-in-place", "here", path)
                self.same("base", "here")
                self.assertEqual(self.home.run("import-in-place", "again", path).returncode, 1)
                told = next(d for d in json.loads(self.home.ok("list", "--json"))["distros"] if d["name"] == "here")
                self.assertEqual((told["image_path"], told["version"]), (path, "DISTRO_VERSION_2"))
                self.home.ok("set-version", "here", "1")
                self.same("base", "here")
                self.home.ok("unregister", "here", "--purge")
                self.assertTrue(os.path.exists(path))
                self.home.ok("import-in-place", "here", path)
                self.home.ok("unregister", "here", "--purge")
                self.same("base", path)

    def told(self, name):
        return next(d for d in json.loads(self.home.ok("list", "--json"))["distros"] if d["name"] == name)

    def test_a_clone_is_the_same_whatever_its_version(self):
        self.home.ok("import", "two", self.archive, "--version", "2", "--size", "1G")
        for source in ("base", "two"):
            for options in ((), ("--version", "1"), ("--version", "2", "--size", "2G")):
                with self.subTest(source, options=options):
                    self.assertIn("Cloned", self.home.run("clone", source, "copy", *options).stderr)
                    self.same(source, "copy")
                    self.same(self.archive, "copy")
                    self.home.ok("unregister", "copy", "--purge")
        place = self.out + "/place"
        self.home.ok("clone", "two", "copy", place)
        self.assertEqual((self.told("copy")["location"], self.told("copy")["disk_size"]), (place, str(1 << 30)))
        self.home.ok("unregister", "copy", "--purge")
        self.assertFalse(os.path.exists(place))
        for name, reason in (("BASE", "DISTRO_EXISTS"), ("a/b", "INVALID_NAME")):
            self.assertIn(f"Error code: {reason}", self.home.run("clone", "two", name).stderr)
        self.assertIn("Error code: INVALID_ARGUMENT", self.home.run("clone", "base", "x", "--size", "1G").stderr)

    def test_a_clone_lives_on_its_own(self):
        self.home.ok("clone", "base", "copy")
        self.home.ok("run", "-d", "copy", "--cd", "/", "--", "echo changed > /etc/changed")
        self.home.ok("terminate", "copy")
        self.assertIn("+ etc/changed", self.home.run("compare", "base", "copy").stdout.splitlines())
        self.same("base", self.archive)

    def test_a_running_distro_is_not_cloned_or_resized(self):
        self.home.ok("run", "-d", "base", "--detach", "--", "sleep 600")
        for command in (("clone", "base", "copy"), ("set-version", "base", "2")):
            result = self.home.run(*command)
            self.assertIn("Error code: DISTRO_RUNNING", result.stderr)
        self.home.ok("clone", "base", "copy", "--terminate")
        self.same("base", "copy")

    def test_a_disk_grows_and_shrinks(self):
        self.home.ok("import", "two", self.archive, "--version", "2", "--size", "1G")
        self.assertIn("1.0 GiB, of which", self.home.ok("resize", "two"))
        for size, shown in (("4GB", "4.0 GiB"), ("256M", "256 MiB")):
            self.assertIn(f"Resized two to {shown}", self.home.run("resize", "two", size).stderr)
            self.same(self.archive, "two")
            self.assertIn("no faults", self.home.run("check", "two").stderr)
        self.assertIn("Resized two to 1.0 GiB", self.home.run("--manage", "two", "--resize", "1GB").stderr)
        self.home.ok("set-version", "two", "1")
        self.home.ok("set-version", "two", "2", "--size", "2G")
        self.assertEqual(self.told("two")["disk_size"], str(2 << 30))

    def test_a_size_that_can_not_be_is_told_with_the_least_one(self):
        self.home.ok("import", "two", self.archive, "--version", "2", "--size", "1G")
        result = self.home.run("resize", "two", "16M")
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertRegex(result.stderr, r"at least [0-9.]+ MiB \([0-9]+ bytes\) are needed")
        for size, code in (("foo", 2), ("1", 1), ("999999T", 1)):
            self.assertEqual(self.home.run("resize", "two", size).returncode, code)
        result = self.home.run("resize", "base", "1G")
        self.assertEqual(result.returncode, 1)
        self.assertIn("is version 1 and has no disk", result.stderr)
        self.assertIn("set-version base 2", result.stderr)
        self.assertIn("no disk", self.home.run("import", "x", self.archive, "--size", "1G").stderr)
        self.assertEqual(self.told("two")["disk_size"], str(1 << 30))
        self.same(self.archive, "two")

    def test_room_is_given_back(self):
        self.home.ok("import", "two", self.archive, "--version", "2", "--size", "1G")
        image = self.told("two")["location"] + "/disk.img"
        with open(image, "r+b") as file:
            file.seek(900 << 20)
            file.write(os.urandom(20 << 20))
        before = os.stat(image).st_blocks
        self.assertRegex(self.home.run("trim", "two").stderr, r"Gave (19|2[0-9]) MiB back to the host")
        self.assertLess(os.stat(image).st_blocks, before - (19 << 11))
        self.same(self.archive, "two")
        self.assertIn("is version 1 and has no disk", self.home.run("trim", "base").stderr)

    def test_a_distro_being_imported_is_listed(self):
        process = self.home.popen("import", "coming", "-", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        with open(self.archive, "rb") as file:
            content = file.read()
        process.stdin.write(content[:len(content) // 2])
        process.stdin.flush()
        wait_for(lambda: "coming" in self.home.ok("list", "-q").split())
        told = self.told("coming")
        self.assertEqual(told["state"], "DISTRO_STATE_INSTALLING")
        self.assertIn(told["operation_id"], self.home.ok("op", "list", "--running"))
        self.assertRegex(self.home.ok("list", "-v"), r"(?m)^  coming +Installing +1$")
        process.communicate(content[len(content) // 2:], timeout=60)
        self.assertEqual(process.returncode, 0)
        self.assertEqual((self.told("coming")["state"], self.told("coming")["operation_id"]), ("DISTRO_STATE_STOPPED", ""))

    def container_image(self, run):
        """The small distro with accounts in a second layer, as 'docker save' packs it; `run` is its config's "config"."""
        accounts = io.BytesIO()
        with tarfile.open(fileobj=accounts, mode="w") as layer:
            text = b"root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/user:/bin/sh\n"
            entry = tarfile.TarInfo("etc/passwd")
            entry.size = len(text)
            layer.addfile(entry, io.BytesIO(text))
        with open(self.archive, "rb") as file:
            layers = {"0/layer.tar": file.read(), "1/layer.tar": accounts.getvalue()}
        config = {"os": "linux", "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine], "config": run,
                  "rootfs": {"type": "layers",
                             "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers.values()]}}
        manifest = [{"Config": "config.json", "RepoTags": ["small:1"], "Layers": list(layers)}]
        path = self.out + "/container.tar"
        with tarfile.open(path, "w") as tar:
            for name, content in {"manifest.json": json.dumps(manifest).encode(),
                                  "config.json": json.dumps(config).encode(), **layers}.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), 0o644
                tar.addfile(entry, io.BytesIO(content))
        self.addCleanup(os.unlink, path)
        return path

    def test_what_a_container_image_says_of_how_it_runs_is_kept(self):
        said = {"Env": ["A=b"], "User": "1000:1000", "WorkingDir": "/home", "Cmd": ["/bin/sh"], "Labels": {"a.b": "c"},
                "ExposedPorts": {"80/tcp": {}}, "StopSignal": "SIGINT"}
        self.home.ok("import", "box", self.container_image(said))
        self.assertEqual(self.told("box")["default_user"], "app")
        again = self.out + "/again.tar"
        self.home.ok("export", "box", again, "--format", "oci")
        self.addCleanup(os.unlink, again)
        with tarfile.open(again) as tar:
            image, = json.load(tar.extractfile("manifest.json"))
            kept = json.load(tar.extractfile(image["Config"]))["config"]
        self.assertEqual(image["RepoTags"], ["box:latest"])
        self.assertEqual(kept, {**said, "User": "app"})

    def test_a_number_without_an_account_is_no_user(self):
        result = self.home.run("import", "box", self.container_image({"User": "1234"}))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("user 1234, who has no account in it", result.stderr)
        self.assertEqual(self.told("box")["default_user"], "")

    def test_a_disk_of_another_size_is_seen_inside_and_gives_back_what_is_deleted(self):
        self.home.ok("import", "two", self.archive, "--version", "2", "--size", "256M")
        image = self.told("two")["location"] + "/disk.img"

        def inside(script):
            return self.home.ok("run", "-d", "two", "--cd", "/", "--", script, timeout=600)

        megabytes = "busybox df -m / | busybox awk 'END {print $2}'"
        inside("busybox dd if=/dev/urandom of=/fill bs=1M count=100 2>/dev/null; busybox sync")
        full = os.stat(image).st_blocks
        self.home.ok("resize", "two", "2G")
        self.assertGreater(int(inside(megabytes)), 1900)
        inside("busybox rm /fill")
        self.home.ok("resize", "two", "128M")
        self.assertLess(int(inside(megabytes)), 128)
        self.home.ok("terminate", "two")
        self.assertLess(os.stat(image).st_blocks, full - (90 << 11))
        self.assertIn("no faults", self.home.run("check", "two").stderr)
        self.home.ok("shutdown")

    def test_a_vhdx_in_place_runs(self):
        path = self.exported("run.vhdx")
        self.home.ok("import-in-place", "here", path)
        self.home.ok("run", "-d", "here", "--cd", "/", "--", "echo kept > /etc/kept", timeout=600)
        self.home.ok("terminate", "here")
        result = self.home.run("compare", "base", "here")
        self.assertIn("+ etc/kept", result.stdout, result.stderr)
        self.home.ok("shutdown")


class Registry(unittest.TestCase):
    """Against Debian's registry server, on the loopback."""

    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.close)
        self.archive = self.home.path + "/small.tar"
        write_small_distro(self.archive)
        server = RegistryServer()
        self.addCleanup(server.close)
        self.port = server.port

    def test_push_and_pull(self):
        image = f"127.0.0.1:{self.port}/team/small:1"
        self.home.ok("import", "base", self.archive)
        digest = self.home.ok("push", "base", image).strip()
        self.assertRegex(digest, r"^sha256:[0-9a-f]{64}$")
        self.home.ok("pull", "first", image)
        self.home.ok("pull", "second", image.rsplit(":", 1)[0] + "@" + digest, "--version", "2")
        for name in ("first", "second"):
            result = self.home.run("compare", "base", name)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(self.home.leftovers(), [])
        missing = self.home.run("pull", "third", f"127.0.0.1:{self.port}/team/none:1")
        self.assertEqual(missing.returncode, 1)
        self.assertIn("Error code: FILE_NOT_FOUND", missing.stderr)
        for command in (("pull", "third", "127.0.0.1:9/none:1"), ("push", "base", "127.0.0.1:9/none:1")):
            nobody = self.home.run(*command, timeout=120)
            self.assertEqual(nobody.returncode, 1)
            self.assertIn("Error code: NETWORK", nobody.stderr)
        operations = json.loads(self.home.ok("op", "list", "--json"))["operations"]
        # Before anything was packed.
        self.assertEqual(operations[0]["progress"]["phase"], "PROGRESS_PHASE_PREPARE")
        self.assertEqual([o["kind"].removeprefix("OPERATION_KIND_") for o in operations],
                         ["PUSH", "PULL", "PULL", "COMPARE", "COMPARE", "PULL", "PULL", "PUSH", "IMPORT"])
        self.assertNotIn("third", self.home.ok("list", "-q"))

    def test_what_an_image_says_of_itself_is_kept(self):
        layout = self.home.path + "/layout"
        self.home.ok("import", "base", self.archive)
        self.home.ok("export", "base", layout + ".tar", "--format", "oci")
        subprocess.run(["mkdir", layout], check=True)
        subprocess.run(["tar", "-C", layout, "-xf", layout + ".tar"], check=True)
        # Another configuration by a tool that isn't ours.
        subprocess.run(["umoci", "config", "--image", layout + ":base:latest", "--config.env", "GREETING=from the image",
                        "--config.entrypoint", "/bin/sh", "--config.workingdir", "/etc", "--config.label", "who=me",
                        "--config.exposedports", "80/tcp", "--config.stopsignal", "SIGINT"], check=True, capture_output=True)
        os.chmod(layout, 0o755)
        subprocess.run(["chmod", "-R", "a+rX", layout], check=True)
        self.home.ok("import", "said", layout)
        told = next(d for d in json.loads(self.home.ok("list", "--json"))["distros"] if d["name"] == "said")
        self.assertIn("GREETING=from the image", told["container"]["environment"])
        self.assertEqual((told["container"]["working_dir"], told["container"]["entrypoint"]), ("/etc", ["/bin/sh"]))
        self.assertEqual((told["container"]["labels"], told["container"]["exposed_ports"], told["container"]["stop_signal"]),
                         ({"who": "me"}, ["80/tcp"], "SIGINT"))
        self.assertEqual(self.home.ok("run", "-d", "said", "--cd", "/", "--", "echo $GREETING").strip(), "from the image")
        self.assertEqual(self.home.ok("run", "-d", "said", "--cd", "/", "-E", "GREETING=mine", "--", "echo $GREETING").strip(),
                         "mine")


if __name__ == "__main__":
    unittest.main()
