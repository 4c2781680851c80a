"""What the figures were measured on."""
import os
import platform
import re

import peers
import place

FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "amx_int8")


def first_match(path, pattern):
    with open(path, encoding="utf-8") as file:
        match = re.search(pattern, file.read(), re.MULTILINE)
    return match.group(1).strip() if match else "unknown"


def describe():
    """CPU, memory and system as short strings."""
    flags = first_match("/proc/cpuinfo", r"^flags\s*:(.*)$").split()
    kib = int(first_match("/proc/meminfo", r"^MemTotal:\s*(\d+)"))
    return {"CPU": first_match("/proc/cpuinfo", r"^model name\s*:(.*)$"),
            "features": " ".join(f for f in FEATURES if f in flags),
            "cores": str(len(os.sched_getaffinity(0))),
            "memory": f"{kib / 2**20:.1f} GiB",
            "kernel": platform.release(),
            "system": first_match("/etc/os-release", r'^PRETTY_NAME="?([^"\n]*)')}


def versions():
    """Name and version of everything measured, Octavo first."""
    octavo = peers.first_line(place.OCTAVO, "version") if place.OCTAVO.exists() else "not built"
    return {"Octavo": octavo.removeprefix("octavo").strip(), **peers.versions()}
