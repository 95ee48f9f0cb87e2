"""A disk whose fsync fails or hangs on demand, or that is full: a shim below the C library of a process."""

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

/* The orders are `fail SUFFIX` (once), or `hang SUFFIX` (while they stand), for files whose names end so, or
   `full PART` (while they stand), for files whose names have it. */
static int ordered(int fd, char *text, char *path) {
    const char *orders = getenv("SYNC_ORDERS");
    char name[64];
    int file = orders ? open(orders, O_RDONLY) : -1;
    if (file < 0) return 0;
    ssize_t got = read(file, text, 63);
    close(file);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    return got >= 6 && readlink(name, path, 4095) >= 0;
}

static int full(int fd) {
    char text[64] = {0}, path[4096] = {0};
    return ordered(fd, text, path) && !strncmp(text, "full", 4) && strstr(path, text + 5);
}

static int refused(int fd) {
    const char *orders = getenv("SYNC_ORDERS");
    char text[64] = {0}, path[4096] = {0};
    if (!ordered(fd, text, path) || !strncmp(text, "full", 4)) return 0;
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

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    if (full(fd)) { errno = EDQUOT; return -1; }
    return ((ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64"))(fd, data, size, at);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return pwrite64(fd, data, size, at); }

int posix_fallocate64(int fd, off64_t at, off64_t size) {
    if (full(fd)) return EDQUOT;
    return ((int (*)(int, off64_t, off64_t))dlsym(RTLD_NEXT, "posix_fallocate64"))(fd, at, size);
}
int posix_fallocate(int fd, off_t at, off_t size) { return posix_fallocate64(fd, at, size); }
"""


class Disk:
    """Controls the disk of a process that is started with `environ`."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.orders = folder / "sync-orders"
        self.environ = {"LD_PRELOAD": str(library), "SYNC_ORDERS": str(self.orders)}

    def order(self, text: str) -> None:
        written = self.orders.with_suffix(".new")
        written.write_text(text)
        written.rename(self.orders)

    @property
    def obeyed(self) -> bool:
        """Whether the requested failure has happened."""
        return not self.orders.exists()


def faulty(folder: Path) -> Disk:
    """A controllable disk; skips the test without a C compiler and linker."""
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
    """A disk of 40 MB; skips the test if it cannot be mounted."""
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
