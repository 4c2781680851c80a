"""A memory limit that holds for a whole process tree: a cgroup of our own, below the one that we are in (v1 or v2)."""
import errno
import os
import pathlib
import re
import time

MB = 2**20
V1 = {"limit": "memory.limit_in_bytes", "usage": "memory.usage_in_bytes", "peak": "memory.max_usage_in_bytes"}
V2 = {"limit": "memory.max", "usage": "memory.current", "peak": "memory.peak"}


class Unavailable(Exception):
    """No cgroup can be made here; its text says why."""


def own_path(text, unified):
    """Our path in the hierarchy of the memory controller (v1), or in the unified one; None. text: /proc/self/cgroup."""
    for line in text.splitlines():
        number, controllers, path = line.split(":", 2)
        if (number == "0" and not controllers) if unified else "memory" in controllers.split(","):
            return path
    return None


def own_folder(text, mounts, unified):
    """Where that path is mounted; None. A container may see only a part of the tree, from its own place downwards.

    mounts: /proc/self/mountinfo.
    """
    path = own_path(text, unified)
    for line in mounts.splitlines():
        before, after = line.split(" - ", 1)
        kind, _, options = after.split(" ", 2)
        top, mount = before.split()[3:5]
        right = kind == "cgroup2" if unified else kind == "cgroup" and "memory" in options.split(",")
        if path is not None and right:
            hidden = top if top != "/" and path.startswith(top) else ""
            return pathlib.Path(mount + path[len(hidden):].rstrip("/"))
    return None


class Group:
    """A cgroup with a limit in MB; a context manager, which removes it. Raises Unavailable."""

    def __init__(self, limit_mb, name="octavo-bench"):
        self.folder, self.names = make(f"{name}-{os.getpid()}")
        try:
            self.set_limit(limit_mb)
        except OSError as error:
            self.folder.rmdir()
            raise Unavailable(f"{self.folder.name}: its limit cannot be set: {error.strerror}") from error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for _ in range(100):  # the kernel may still be at the end of its last process
            try:
                self.folder.rmdir()
                return
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise
                time.sleep(0.05)
        print(f"{self.folder} is left: it still has processes", flush=True)

    def read(self, name):
        return (self.folder / name).read_text()

    def number(self, name):
        """A figure of V1 or V2 in MB; None where this kernel has no such file."""
        try:
            return int(self.read(self.names[name])) / MB
        except (OSError, ValueError):
            return None

    def set_limit(self, limit_mb):
        """Swap is in it, where the kernel counts it. OSError if more is in use."""
        text = str(int(limit_mb * MB))
        swap = self.folder / ("memory.memsw.limit_in_bytes" if self.names is V1 else "memory.swap.max")
        if self.names is V2:
            (self.folder / V2["limit"]).write_text(text)
            if swap.exists():
                swap.write_text("0")
            return
        files = [self.folder / V1["limit"], *([swap] if swap.exists() else [])]
        if limit_mb > self.number("limit"):
            files.reverse()  # the limit with swap may never be the lower one
        for file in files:
            file.write_text(text)

    def try_limit(self, limit_mb, margin_mb=16):
        """Sets the limit, or the lowest one that leaves a margin over what is in use; the limit that holds, in MB.

        Lowered below what is in use, v1 refuses and v2 kills.
        """
        for _ in range(10):
            wished = max(limit_mb, (self.number("usage") or 0) + margin_mb)
            try:
                self.set_limit(wished)
                break
            except OSError:
                time.sleep(0.05)
        return self.number("limit")

    def inside(self, argv):
        """The command that runs argv in here, itself and all that it starts."""
        return ["sh", "-c", 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"', "sh", self.folder, *argv]

    def kills(self):
        """Processes that the kernel killed for want of memory."""
        text = self.read("memory.oom_control" if self.names is V1 else "memory.events")
        match = re.search(r"^oom_kill (\d+)", text, re.MULTILINE)
        return int(match[1]) if match else None

    def figures(self):
        return {"limit_mb": self.number("limit"), "group_peak_mb": self.number("peak"), "oom_kills": self.kills()}


def make(name):
    """(folder, V1 or V2) of a new cgroup below our own, which bounds it further. Raises Unavailable."""
    try:
        own = pathlib.Path("/proc/self/cgroup").read_text()
        mounts = pathlib.Path("/proc/self/mountinfo").read_text()
    except OSError as error:
        raise Unavailable(str(error)) from error
    reasons = []
    for names, unified in ((V1, False), (V2, True)):
        parent = own_folder(own, mounts, unified)
        if parent is None:
            continue
        try:
            folder = parent / name
            folder.mkdir()
        except OSError as error:
            reasons.append(f"{parent}: {error.strerror}")
            continue
        if (folder / names["limit"]).exists():
            return folder, names
        folder.rmdir()
        reasons.append(f"{parent}: the memory controller is not given to its children")
    raise Unavailable("; ".join(reasons) or "no memory controller is mounted")
