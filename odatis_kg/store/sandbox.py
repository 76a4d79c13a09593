"""What a query worker may not do: outlive its parent, use more memory than it was given, open a socket, start a program.

The kernel enforces all of it (Linux); elsewhere only the memory bound is tried, and `forbid_sockets` says that it failed.
What must stay true: all of this is done before the store is opened, so that every thread of the engine is bound by it.
"""

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_SECCOMP: Final = 22
_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_MODE_FILTER: Final = 2
# Classic BPF (linux/bpf_common.h, linux/seccomp.h): load a word of `struct seccomp_data`, compare, return.
_LOAD: Final = 0x20
_JUMP_EQUAL: Final = 0x15
_JUMP_AT_LEAST: Final = 0x35
_RETURN: Final = 0x06
_ALLOW: Final = 0x7FFF0000
_ERRNO_EACCES: Final = 0x00050000 | 13
_X32: Final = 0x40000000  # system calls of the x32 interface have this bit, and other numbers
# Audit number of the architecture, and the numbers of socket, connect, accept, bind, listen, socketpair, accept4, execve,
# execveat, ptrace, pidfd_getfd, io_uring_setup, io_uring_enter, io_uring_register.
_ARCHITECTURES: Final = {
    "x86_64": (0xC000003E, (41, 42, 43, 49, 50, 53, 288, 59, 322, 101, 438, 425, 426, 427)),
    "aarch64": (0xC00000B7, (198, 203, 202, 200, 201, 199, 242, 221, 281, 117, 438, 425, 426, 427)),
}


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies, so that no runaway query outlives the server (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        os._exit(0)


def bound_memory(megabytes: int) -> None:
    """Let this process use so much memory above what it uses now; beyond that, allocation fails and it aborts."""
    if sys.platform != "linux":
        return
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - pathlib is not worth importing here
        pages = int(file.read().split()[0])
    limit = pages * resource.getpagesize() + megabytes * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def forbid_sockets() -> bool:
    """From now on, no thread of this process opens a socket or starts a program; whether the kernel took the order.

    The sockets that are open already go on. Refused calls fail with `EACCES` (seccomp filter, see seccomp(2)).
    """
    known = _ARCHITECTURES.get(platform.machine())
    if sys.platform != "linux" or known is None:
        return False
    architecture, forbidden = known
    refused = len(forbidden) + 2  # where the last instruction is, counted from after the check of the architecture
    steps = [
        (_LOAD, 0, 0, 4),  # the architecture
        (_JUMP_EQUAL, 0, refused + 1, architecture),  # any other one: refuse
        (_LOAD, 0, 0, 0),  # the number of the system call
        (_JUMP_AT_LEAST, refused - 1, 0, _X32),
        *((_JUMP_EQUAL, refused - 2 - position, 0, number) for position, number in enumerate(forbidden)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERRNO_EACCES),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = _Program(len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) == 0)
