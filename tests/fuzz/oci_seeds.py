"""Seeds of the fuzzers `oci_source` (whole images; tests/fuzz/oci_source_fuzz.cc tells their form) and `container` (the
texts in them and of registries)."""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import tarfile

import archives
from archives import END, folder, hard, member, pax, symlink

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"

BELOW = (folder(b"etc") + member(b"etc/a", content=b"below") + member(b"etc/b", content=b"below") + folder(b"opt") +
         member(b"opt/c", content=b"c") + hard(b"opt/d", b"opt/c") + member(b"f", content=b"file") +
         symlink(b"s", b"etc") + END)
# Removals of a file and of a whole folder, a folder instead of a file, a file instead of a link, a link to a lower layer.
ABOVE = (member(b"etc/.wh.a") + folder(b"opt") + member(b"opt/.wh..wh..opq") + member(b"opt/e", content=b"e") +
         folder(b"f") + member(b"f/g", content=b"g") + member(b"s", content=b"no link") + hard(b"etc/l", b"etc/b") + END)
TOP = member(b"etc/b", content=b"top") + member(b".wh..wh.plnk", content=b"") + hard(b"opt/h", b"opt/e") + END


def seed(kind, parts, name=""):
    """`parts`: (file's name, bytes or what becomes JSON)."""
    lines = [file.encode() + b"\n" + (content if isinstance(content, bytes) else json.dumps(content).encode())
             for file, content in parts]
    return kind.encode() + name.encode() + b"\n" + b"\n=====\n".join(lines)


def blob(number, media_type, **more):
    return {"mediaType": media_type, "digest": f"@{number}", "size": f"#{number}", **more}


def sized(value):
    """JSON with the sizes, "#N", as numbers."""
    text = json.dumps(value)
    for number in range(10):
        text = text.replace(f'"#{number}"', f"#{number}")
    return text.encode()


def config(layers, **more):
    return {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [f"%{n}" for n in layers]},
            **more}


def layout(layers, types=None, config_type=CONFIG, manifest=None, entry=None, configured=None, more=(), kind="a", name=""):
    """An image layout: the layers, config, manifest, index."""
    count = len(layers)
    numbers = range(count)
    types = types or [LAYER] * count
    texts = manifest or {"schemaVersion": 2, "config": blob(count, config_type),
                         "layers": [blob(n, types[n]) for n in numbers]}
    index = entry or {"schemaVersion": 2, "manifests": [blob(count + 1, MANIFEST)]}
    return seed(kind, [*((f"blobs/@{n}", layers[n]) for n in numbers),
                       (f"blobs/@{count}", configured if configured is not None else config(numbers)),
                       (f"blobs/@{count + 1}", sized(texts)), *more, ("index.json", sized(index)),
                       ("oci-layout", {"imageLayoutVersion": "1.0.0"})], name)


def archive(files):
    """A tar as Docker writes one, by hand: (name, bytes) or a ready member."""
    return b"".join(one if isinstance(one, bytes) else member(one[0], content=one[1]) for one in files) + END


def docker(layers, tags=("debian:12",), more=b"", config_name=None, images=None):
    text = json.dumps({"os": "linux", "architecture": "amd64", "rootfs": {
        "type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]}}).encode()
    config_name = config_name or hashlib.sha256(text).hexdigest() + ".json"
    files = [(b"%d/layer.tar" % n, layer) for n, layer in enumerate(layers)]
    image = {"Config": config_name, "RepoTags": list(tags), "Layers": [f"{n}/layer.tar" for n in range(len(layers))]}
    return archive([*files, (config_name.encode(), text), (b"manifest.json", json.dumps(images or [image]).encode())]) + more


def images():
    yield "layout", layout([BELOW, ABOVE, TOP])
    yield "folder", layout([BELOW, ABOVE], kind="f")
    yield "gzip", layout([gzip.compress(BELOW, mtime=0), ABOVE], types=[LAYER + "+gzip", LAYER])
    yield "xz", layout([lzma.compress(BELOW)])
    yield "bzip2", layout([bz2.compress(BELOW), bz2.compress(ABOVE)])
    yield "no-layer", layout([])
    yield "empty-layer", layout([END])
    yield "cut-layer", layout([BELOW[:1500]])
    yield "no-tar", layout([b"text, and no tar"])
    yield "encrypted", layout([BELOW], types=[LAYER + "+encrypted"])
    yield "other-layer", layout([BELOW], types=["text/plain"])
    yield "other-config", layout([BELOW], config_type="application/vnd.cncf.helm.config.v1+json")
    yield "other-platform", layout([BELOW], configured=config([0], architecture="s390x"))
    yield "more-layers", layout([BELOW], configured=config([0, 0]))
    yield "other-content", layout([BELOW, ABOVE], configured=config([1, 0]))
    yield "wrong-size", layout([BELOW], manifest={"schemaVersion": 2, "config": blob(1, CONFIG),
                                                  "layers": [dict(blob(0, LAYER), size=7)]})
    yield "wrong-digest", layout([BELOW], manifest={"schemaVersion": 2, "config": dict(blob(1, CONFIG), size=3),
                                                    "layers": [blob(0, LAYER)]})
    amd64 = {"platform": {"os": "linux", "architecture": "amd64"}}
    arm64 = {"platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}}
    named = {"annotations": {"org.opencontainers.image.ref.name": "12", "io.containerd.image.name": "docker.io/library/debian:12"}}
    built = {"annotations": {"vnd.docker.reference.type": "attestation-manifest"}}
    nested = (("blobs/@3", sized({"schemaVersion": 2, "manifests": [
        blob(2, MANIFEST, **arm64), blob(2, MANIFEST, **built), blob(2, MANIFEST, **amd64)]})),)
    yield "index", layout([BELOW], more=nested, entry={"schemaVersion": 2, "manifests": [blob(3, INDEX, **named)]}, name="debian:12")
    yield "by-digest", layout([BELOW], entry={"manifests": [blob(2, MANIFEST, **named)]}, name="@2")
    yield "several", layout([BELOW], entry={"manifests": [
        blob(2, MANIFEST, **amd64, **named), blob(1, MANIFEST, annotations={"org.opencontainers.image.ref.name": "13"})]})
    yield "no-such-name", layout([BELOW], entry={"manifests": [blob(2, MANIFEST, **named)]}, name="13")
    yield "not-for-us", layout([BELOW], entry={"manifests": [blob(2, MANIFEST, **arm64)]})
    yield "attestations-only", layout([BELOW], entry={"manifests": [blob(2, MANIFEST, **built)]})
    yield "no-image", layout([BELOW], entry={"manifests": []})
    yield "other-type", layout([BELOW], entry={"manifests": [blob(2, "text/plain")]})
    yield "no-list", layout([BELOW], entry={"schemaVersion": 2, "config": blob(1, CONFIG), "layers": []})

    plan = {"removal-of-nothing": member(b".wh.") + END, "removal-below": member(b".wh.a/b") + END,
            "link-circle": hard(b"a", b"b") + hard(b"b", b"a") + END, "link-to-folder": folder(b"a") + hard(b"b", b"a") + END,
            "link-to-nothing": hard(b"b", b"a") + END, "below-file": member(b"a") + member(b"a/b") + END,
            "file-and-folder": member(b"a/b") + member(b"a") + END, "root-is-file": symlink(b".", b"x") + END,
            "link-to-removed": member(b"etc/.wh.b") + hard(b"l", b"etc/b") + END,
            "links": hard(b"x", b"y") + member(b"y", content=b"y") + hard(b"z", b"x") + END,
            "twice": member(b"a", content=b"1") + member(b"a", content=b"2") + END,
            "deep": member(b"p/q/r", content=b"1") + member(b"p/q/.wh..wh..opq") + END}
    for name, layer in plan.items():
        yield f"plan-{name}", layout([BELOW, layer])
    yield "plan-hidden-target", layout([BELOW, hard(b"k", b"etc/b") + hard(b"m", b"etc/b") + END,
                                        member(b"etc/b", content=b"new") + member(b"opt/.wh.c") + END])
    yield "plan-folder-over-file", layout([BELOW, member(b"f/x", content=b"x") + END])

    yield "docker", b"r\n" + docker([BELOW, ABOVE])
    yield "docker-named", b"rlibrary/debian:12\n" + docker([BELOW], tags=("docker.io/library/debian:12",))
    yield "docker-other", b"rdebian:13\n" + docker([BELOW])
    yield "docker-config", b"r\n" + docker([BELOW], config_name="0" * 64 + ".json")
    yield "docker-plain-config", b"r\n" + docker([BELOW], config_name="config.json")
    yield "docker-several", b"r\n" + docker([BELOW], images=[{"Config": "a"}, {"Config": "b", "RepoTags": ["b"]}])
    yield "docker-linked", b"r\n" + archive([symlink(b"2/layer.tar", b"../0/layer.tar"), hard(b"3/layer.tar", b"2/layer.tar"),
                                             docker([BELOW])[:-1024]])
    yield "docker-gzip", b"r\n" + gzip.compress(docker([BELOW]), mtime=0)
    yield "docker-xz", b"r\n" + lzma.compress(docker([BELOW]))
    yield "docker-blobs", seed("a", [("blobs/@0", BELOW), ("blobs/@1", config([0])), (
        "manifest.json", [{"Config": "blobs/@1", "Layers": ["blobs/@0"]}])])
    yield "skopeo-folder", seed("f", [("manifest.json", {"schemaVersion": 2})])
    yield "docker-list", seed("a", [("manifest.json", [])])
    yield "old-docker", seed("a", [("repositories", {})])
    yield "nothing", seed("a", [("x", b"y")])
    yield "no-json", seed("f", [("index.json", b"{")])

    long_name = b"l" * 120 + b"/index.json"
    for name, format in (("pax", tarfile.PAX_FORMAT), ("gnu", tarfile.GNU_FORMAT), ("ustar", tarfile.USTAR_FORMAT)):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=format) as tar:
            for path in ("index.json", long_name.decode()):
                info = tarfile.TarInfo(path)
                info.size = 2
                tar.addfile(info, io.BytesIO(b"{}"))
            link = tarfile.TarInfo("a/link")
            link.type, link.linkname = tarfile.SYMTYPE, "../index.json"
            tar.addfile(link)
        yield f"names-{name}", b"r\n" + file.getvalue()[:5120]
    yield "names-size", b"r\n" + pax([(b"size", b"2")]) + member(b"index.json", content=b"{}", size=0) + END
    yield "names-size-wrong", b"r\n" + pax([(b"size", b"2x")]) + member(b"index.json", content=b"{}") + END
    yield "names-sparse", b"r\n" + pax([(b"GNU.sparse.major", b"1")]) + member(b"index.json", content=b"{}") + END
    yield "names-broken-pax", b"r\n" + pax(b"99 path=x\n") + member(b"index.json") + END
    yield "names-binary-size", b"r\n" + member(b"index.json", size=b"\x80" + bytes(10) + b"\x02", content=b"{}") + END
    yield "names-huge", b"r\n" + member(b"index.json", size=b"\x80" + b"\xff" * 11) + END
    yield "names-out", b"r\n" + member(b"../index.json") + END
    yield "names-link-out", b"r\n" + symlink(b"index.json", b"../x") + END
    yield "names-link-nowhere", b"r\n" + symlink(b"index.json", b".") + END
    yield "names-checksum", b"r\n" + archives.header(b"index.json", checksum=b"  77777 ") + END
    yield "names-fifo", b"r\n" + member(b"p", b"6") + member(b"index.json", content=b"{}") + END
    yield "names-long", b"r\n" + member(b"././@LongLink", b"L", b"n" * 300 + b"\0") + member(b"x") + END
    yield "distro", b"r\n" + folder(b"etc") + member(b"etc/os-release", content=b"ID=x\n") + END


def texts():
    """The first byte chooses the parser: reference, manifest, config, passwords, challenge, address."""
    digest = "sha256:" + "0" * 64
    yield "reference", b"\0docker.io/library/debian:12@" + digest.encode()
    yield "reference-short", b"\0[::1]:5000/a/b"
    # With "library/" before it, which is not said again, it is as long as a name may be.
    yield "reference-long", b"\0docker.io/library/" + b"x" * 247
    for i, wrong in enumerate(("", "https://a", "a@sha512:" + "0" * 128, "a@sha256:0", "a:-", "-.com/a", "a.com:0/a", "A",
                               "INDEX.docker.io/a_b/c__d.e--f", "localhost/a", "[x]/a", "registry-1.docker.io/a")):
        yield f"reference-{i}", b"\0" + wrong.encode()

    def blob(kind, **more):
        return {"mediaType": kind, "digest": digest, "size": 3, **more}

    image = {"schemaVersion": 2, "mediaType": MANIFEST, "config": blob(CONFIG), "layers": [blob(LAYER)]}
    platforms = [{"os": "linux", "architecture": a, "variant": v} for a, v in (("amd64", "v1"), ("arm", "v7"), ("x86_64", "v3"))]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [blob(MANIFEST, platform=p, annotations={"a": "b"}) for p in platforms]}
    manifests = {"manifest": image, "index": index, "untyped": {"config": blob(CONFIG), "layers": []},
                 "unsaid": {"manifests": [blob(MANIFEST)]}, "schema-1": {"schemaVersion": 1},
                 "both": dict(image, manifests=[]), "neither": {}, "mistyped": dict(image, mediaType=INDEX),
                 "helm": dict(image, config=blob("text/plain")), "two-sizes": dict(image, layers=[dict(blob(LAYER), size=4)]),
                 "large": dict(image, config=dict(blob(CONFIG), size=1 << 30)), "huge": dict(image, layers=[dict(blob(LAYER), size=1 << 50)]),
                 "no-digest": dict(image, config=dict(blob(CONFIG), digest="x")), "long": dict(image, layers=[blob(LAYER)] * 2),
                 "not-object": [], "wrong-list": {"manifests": 5}, "wrong-size": {"manifests": [dict(blob(MANIFEST), size=-1)]},
                 "attested": {"manifests": [blob(MANIFEST, annotations={"vnd.docker.reference.type": "x"})]},
                 "named": {"manifests": [blob(MANIFEST, annotations={"io.containerd.image.name": "x"})]}}
    for name, document in manifests.items():
        yield f"manifest-{name}", b"\1" + json.dumps(document).encode()
    yield "manifest-deep", b"\1" + b"[" * 40
    yield "manifest-text", b'\1"\\"['
    config = {"architecture": "amd64", "os": "linux", "created": "2020-01-01T00:00:00Z",
              "config": {"Env": ["A=b"], "User": "u:g", "WorkingDir": "/w", "Entrypoint": ["/bin/sh"], "Cmd": "-c", "Labels": {"a": "b"},
                         "StopSignal": "SIGTERM", "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/v": {}}},
              "rootfs": {"type": "layers", "diff_ids": [digest]}}
    configs = {"config": config, "no-digest": dict(config, rootfs={"diff_ids": ["x"]}), "no-rootfs": {"os": "linux", "architecture": "a"},
               "zero": dict(config, os="\0"), "wrong-texts": dict(config, config={"Env": 5}), "wrong-map": dict(config, config={"Labels": {"a": 1}}),
               "wrong-text": dict(config, config={"Env": [5]}), "wrong-object": dict(config, config=[])}
    for name, document in configs.items():
        yield f"config-{name}", b"\2" + json.dumps(document).encode()
    for name, auths in {"pair": {"ghcr.io": {"auth": "dXNlcjpwYXNzAA=="}}, "plain": {"https://ghcr.io/owner/": {"username": "u", "password": "p"}},
                        "none": {"ghcr.io": {}}, "broken": {"ghcr.io": {"auth": "="}}, "wrong": {"ghcr.io": 5},
                        "hub": {"https://index.docker.io/v1/": {"auth": "YTpi"}}}.items():
        yield f"auth-{name}", b"\3" + json.dumps({"auths": auths}).encode()
    for i, text in enumerate((b"[]", b"{}", b'{"auths":5}')):
        yield f"auth-{i}", b"\3" + text
    yield "challenge", b'\4Bearer realm="https://a/token",service="b",scope="repository:x:pull", Basic realm="y"'
    yield "challenge-broken", b'\4 , Basic realm="a\\"'
    for i, text in enumerate((b"https://host.example:443/path?query#part", b"https://user@host/", b"ftp://a", b"http:///",
                              b"http://[::1]:5000/v2/", b"http://127.0.0.1/", b"\x01")):
        yield f"url-{i}", b"\5" + text
