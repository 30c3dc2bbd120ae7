"""What the conformance program prints, and what it may."""

import json
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
BARE_ROOT = HERE + "/../v1/bare-root"
# Where the last results of each runtime are kept, for the table in docs/conformance.md.
KEPT = os.environ.get("WSLM_BUILD", ".") + "/conformance"


def parse(text):
    """{test: (pass, fail or skip, reason)}"""
    results = {}
    for line in text.splitlines():
        kind, name, reason = line.split("\t")
        assert name not in results, f"two tests are called {name!r}"
        results[name] = (kind, reason)
    return results


def known_failures(runtime):
    """{test: reason}"""
    known = {}
    with open(HERE + "/known-failures", encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                where, name, reason = line.rstrip("\n").split("\t")
                if where == runtime:
                    known[name] = reason
    return known


def keep(runtime, results):
    os.makedirs(KEPT, exist_ok=True)
    path = f"{KEPT}/{runtime}.json"
    if os.path.exists(path):
        os.remove(path)  # another user's, in a folder that both may write
    with open(path, "w", encoding="utf-8") as file:
        json.dump(results, file, indent=0)


def on_bare_kernel(root, program, *words):
    """Runs `program` as root on the bare kernel in the root that lies in the folder `root`."""
    subprocess.run(["install", "-m", "755", program, root + "/conformance"], check=True)
    done = subprocess.run([BARE_ROOT, root, "/conformance", *words], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return parse(done.stdout)


def differences(runtime, results, bare=None):
    """What is wrong with a runtime's results, a line each: failures that no list knows, and what the list says wrongly.

    `bare`: the bare kernel's results, where there are any; it decides what may be skipped.
    """
    known = known_failures(runtime)
    lines = []
    for name, (kind, reason) in results.items():
        if kind == "fail" and name not in known:
            lines.append(f"{name}: {reason}")
        if kind == "pass" and name in known:
            lines.append(f"{name}: passes; take it off known-failures")
        if kind == "skip" and bare and bare[name][0] != "skip" and name not in known:
            lines.append(f"{name}: skipped ({reason}), but not on the bare kernel")
    lines += [f"{name}: in known-failures, but there is no such test" for name in known if name not in results]
    return lines
