/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/* Host shim: the kernel's own atomics, which are plain compiler built-ins. */

#include "../../../../arch/i386/include/atomic.h"
