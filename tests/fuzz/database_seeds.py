"""Seeds of the fuzzer `databases`: the side store of lxfs and the daemon's index. The first byte chooses."""

import pathlib
import sqlite3
import tempfile

SIDE_STORE = """
CREATE TABLE record (inode INTEGER PRIMARY KEY, birth_ns INTEGER NOT NULL, generation INTEGER NOT NULL, mode INTEGER NOT NULL,
  uid INTEGER NOT NULL, gid INTEGER NOT NULL, rdev INTEGER NOT NULL);
CREATE TABLE root (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), inode INTEGER NOT NULL, birth_ns INTEGER NOT NULL,
  generation INTEGER NOT NULL);
"""
RECORDS = "INSERT INTO record VALUES (5, 1, 2, 8630, 0, 0, 259), (6, 1, 2, 33188, 1000, 1000, 0); INSERT INTO root VALUES (1, 2, 3, 4);"
XATTRS = """
CREATE TABLE xattr (inode INTEGER NOT NULL, birth_ns INTEGER NOT NULL, generation INTEGER NOT NULL, name BLOB NOT NULL,
  value BLOB NOT NULL, PRIMARY KEY (inode, name));
INSERT INTO xattr VALUES (5, 1, 2, x'61', x'62');
"""
INDEX = """
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE names (id TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE journal (sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, body BLOB NOT NULL, done INTEGER NOT NULL);
INSERT INTO settings VALUES ('default', 'debian');
INSERT INTO names VALUES ('a', 'b');
INSERT INTO journal VALUES (1, 'x', 'y', 0), (2, 'z', 'y', 1);
"""


def database(script, version=1):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "file"
        connection = sqlite3.connect(path)
        connection.executescript(f"PRAGMA page_size = 512; {script} PRAGMA user_version = {version};")
        connection.close()
        content = bytearray(path.read_bytes())
    # Which SQLite wrote it last.
    content[96:100] = (3040001).to_bytes(4, "big")
    return bytes(content)


def cut(content, page):
    """With a page of it lost."""
    return content[:512 * page] + b"\xa5" * 512 + content[512 * (page + 1):]


def seeds():
    store = database(SIDE_STORE + RECORDS + XATTRS)
    yield "store", b"\0" + store
    yield "store-without-xattrs", b"\0" + database(SIDE_STORE + RECORDS)
    yield "store-newer", b"\0" + database(SIDE_STORE, version=2)
    yield "store-older", b"\0" + database("", version=0)
    yield "store-other", b"\0" + database("CREATE TABLE record (a); CREATE TABLE root (b); CREATE TABLE xattr (c);")
    yield "store-impossible", b"\0" + database(SIDE_STORE + "INSERT INTO record VALUES (5, 'a', 2, 1 << 40, -1, 0, 0);")
    for page in range(1, 4):
        yield f"store-cut-{page}", b"\0" + cut(store, page)
    yield "store-none", b"\0no database, but text that is long enough to be one" * 3
    index = database(INDEX)
    yield "index", b"\1" + index
    yield "index-older", b"\1" + database("", version=0)
    yield "index-other", b"\1" + database("CREATE TABLE settings (a); CREATE VIEW names AS SELECT 1;")
    yield "index-other-journal", b"\1" + database(INDEX.replace(" UNIQUE", ""))
    yield "index-more", b"\1" + database(INDEX.replace("value TEXT NOT NULL", "value TEXT NOT NULL, more TEXT NOT NULL").replace(
        "'debian'", "'debian', 'x'"))
    for page in range(1, 4):
        yield f"index-cut-{page}", b"\1" + cut(index, page)
    yield "index-none", b"\1no database"
