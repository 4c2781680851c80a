"""The memory of a running process tree, read from /proc."""
import pathlib


def processes():
    """Pid -> (name, state, parent) of all processes."""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            head, tail = path.read_text(errors="replace").rsplit(")", 1)
        except OSError:
            continue  # it has just ended
        state, parent = tail.split()[:2]
        found[int(path.parent.name)] = (head.split("(", 1)[1], state, int(parent))
    return found


def members(root):
    """Pid -> name of root and its living descendants."""
    everyone = processes()
    found, todo = {}, [root]
    while todo:
        pid = todo.pop()
        if pid in everyone and everyone[pid][1] not in "ZX":
            found[pid] = everyone[pid][0]
            todo += [child for child, (_, _, parent) in everyone.items() if parent == pid]
    return found


def pss_mb(pid):
    """Proportional set size; 0 for one that has ended."""
    try:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("Pss:")), 0.0)


def helpers_seconds(pid):
    """Processor seconds of the threads of a process beside its first."""
    files = [path for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat") if path.parent.name != str(pid)]
    return sum(int(path.read_text().split()[0]) for path in files) / 1e9


def memory(root):
    """MB by name of process ("octavo", "octavo-worker", ...), and their sum as "all"."""
    found = {"all": 0.0}
    for pid, name in members(root).items():
        mb = pss_mb(pid)
        found[name] = found.get(name, 0.0) + mb
        found["all"] += mb
    return found
