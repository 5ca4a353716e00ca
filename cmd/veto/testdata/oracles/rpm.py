"""Makes a database of rpm from each line of standard input, JSON: {"dir": ..., "headers": [base64, ...], "remove": [n, ...], ...}. The argument is a
folder with an empty database of rpm's own.
"""
import base64, json, os, shutil, sqlite3, sys

for line in sys.stdin:
    want = json.loads(line)
    os.makedirs(want["dir"], exist_ok=True)
    path = os.path.join(want["dir"], "rpmdb.sqlite")
    shutil.copy(os.path.join(sys.argv[1], "rpmdb.sqlite"), path)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous=OFF")
    db.execute("PRAGMA journal_mode=delete")
    db.execute("PRAGMA page_size=%d" % want["page"])
    db.execute("VACUUM")
    db.execute("PRAGMA journal_mode=%s" % want["journal"])
    db.execute("BEGIN")
    for header in want["headers"]:
        db.execute("INSERT INTO Packages (blob) VALUES (?)", (base64.b64decode(header),))
    for n in want["remove"]:
        db.execute("DELETE FROM Packages WHERE hnum=?", (n,))
    db.execute("COMMIT")
    if not want["keep"]:
        db.close()
        continue
    # What a process leaves that is killed while it writes.
    db.execute("PRAGMA wal_autocheckpoint=0")
    db.execute("PRAGMA cache_size=1")
    db.execute("BEGIN IMMEDIATE")
    for i in range(20):
        db.execute("INSERT INTO Packages (blob) VALUES (?)", (base64.b64decode(want["headers"][0]) + bytes(4096),))
    if want["journal"] == "wal":
        db.execute("COMMIT")
    copies = {f: open(os.path.join(want["dir"], f), "rb").read() for f in os.listdir(want["dir"])}
    if want["journal"] != "wal":
        db.execute("ROLLBACK")
    db.close()
    for f, body in copies.items():
        open(os.path.join(want["dir"], f), "wb").write(body)
