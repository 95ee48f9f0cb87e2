"""A disk whose fsync fails or hangs on order: a shim under the C library of a process, compiled by the tests."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The orders are `fail SUFFIX` (once) or `hang SUFFIX` (while they stand), for files whose names end so. */
static int refused(int fd) {
    const char *orders = getenv("SYNC_ORDERS");
    char text[64] = {0}, name[64], path[4096] = {0};
    int file = orders ? open(orders, O_RDONLY) : -1;
    if (file < 0) return 0;
    ssize_t got = read(file, text, sizeof text - 1);
    close(file);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    if (got < 6 || readlink(name, path, sizeof path - 1) < 0) return 0;
    size_t suffix = strlen(text + 5), length = strlen(path);
    if (length < suffix || strcmp(path + length - suffix, text + 5)) return 0;
    if (!strncmp(text, "hang", 4)) {
        while (!access(orders, F_OK)) usleep(20000);
        return 0;
    }
    unlink(orders);
    errno = EIO;
    return 1;
}

int fdatasync(int fd) { return refused(fd) ? -1 : ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd); }
int fsync(int fd) { return refused(fd) ? -1 : ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd); }
"""


class Disk:
    """Gives the orders. A process obeys them that has `environ`."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.orders = folder / "sync-orders"
        self.environ = {"LD_PRELOAD": str(library), "SYNC_ORDERS": str(self.orders)}

    def order(self, text: str) -> None:
        written = self.orders.with_suffix(".new")
        written.write_text(text)
        written.rename(self.orders)

    @property
    def obeyed(self) -> bool:
        """The failure that was ordered has happened."""
        return not self.orders.exists()


def faulty(folder: Path) -> Disk:
    """A disk that takes orders; skips where there is no C compiler, or no such linker."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    source, library = folder / "shim.c", folder / "shim.so"
    source.write_text(SHIM)
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"the shim cannot be compiled here: {done.stderr[:200]}")
    return Disk(folder, library)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of 40 MB; skips where one cannot be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, check=False, capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no mount")
    if done.returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
