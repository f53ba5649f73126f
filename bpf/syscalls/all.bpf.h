/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every encoder of a system call, except those of clone and exec (process.bpf.h). */
#pragma once

#include "credentials.bpf.h"
#include "fd.bpf.h"
#include "fd_create.bpf.h"
#include "file_open.bpf.h"
#include "file_path.bpf.h"
#include "generic.bpf.h"
#include "io.bpf.h"
#include "ipc.bpf.h"
#include "memory.bpf.h"
#include "module_bpf.bpf.h"
#include "mount_ns.bpf.h"
#include "socket.bpf.h"
#include "socket_io.bpf.h"
