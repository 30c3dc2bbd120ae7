"""`cmake --install` into a prefix gives a tree that runs by itself."""

import os
import subprocess
import tempfile
import unittest
import unittest.mock

import harness


class Install(unittest.TestCase):
    def test_the_installed_tree_runs(self):
        with tempfile.TemporaryDirectory(prefix="wslm-prefix-") as prefix:
            subprocess.run(["cmake", "--install", os.environ["WSLM_BUILD"], "--prefix", prefix], check=True, capture_output=True)
            with unittest.mock.patch.object(harness, "BIN", prefix + "/bin"):
                home = harness.Home()
                try:
                    self.assertIn("wslm", home.ok("version"))
                    home.ok("import", "deb", harness.ROOT)
                    self.assertEqual(home.ok("id", "-u"), "0\n")
                finally:
                    home.close()

    def test_the_static_programs_are_static(self):
        for name in ("wslm-init", "wslm-agent"):
            kind = subprocess.run(["readelf", "-lW", f"{harness.BIN}/{name}"], capture_output=True, text=True, check=True).stdout
            self.assertNotIn("INTERP", kind)

    def test_wslm_links_grpc_statically(self):
        needed = subprocess.run(["readelf", "-dW", f"{harness.BIN}/wslm"], capture_output=True, text=True, check=True).stdout
        for library in ("grpc", "protobuf", "absl"):
            self.assertNotIn(f"lib{library}", needed)


if __name__ == "__main__":
    unittest.main()
