"""Lists what importlib.metadata and pip see in each folder below the one that is named, as JSON: {folder: [[name, version], ...]}.

A folder is searched as an entry of sys.path, and so are the archives right in it.
"""
import importlib.metadata, json, logging, os, sys, warnings

from pip._internal.metadata import get_environment

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")


def named(info):
    """What pip takes from a folder's name where there is no metadata."""
    stem, _, suffix = os.path.basename(str(info).rstrip("/")).rpartition(".")
    name, _, version = stem.partition("-")
    return [name, version] if suffix.lower() == "dist-info" and version else None


def listed(path):
    out = []
    for d in importlib.metadata.distributions(path=[path]):
        try:
            name, version = d.metadata["Name"], d.metadata["Version"]
        except Exception:
            name = version = None
        if name and version:
            out.append([name, version])
        elif named(d._path):
            out.append(named(d._path))
    try:
        for d in get_environment([path]).iter_all_distributions():
            try:
                out.append([d.raw_name, str(d.metadata["Version"])])
            except Exception:
                pass
    except Exception:
        pass
    return [[n.strip(), v.strip()] for n, v in out if n and v and v != "None"]


root = sys.argv[1]
result = {}
for folder in sorted(os.listdir(root)):
    top = os.path.join(root, folder)
    paths = [top] + [os.path.join(top, f) for f in sorted(os.listdir(top)) if os.path.isfile(os.path.join(top, f)) or f.lower().endswith(".egg")]
    result[folder] = [p for path in paths for p in listed(path)]
json.dump(result, sys.stdout)
