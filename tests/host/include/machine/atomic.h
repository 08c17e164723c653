/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/* Host shim: the kernel's own atomic operations, which work on the host too. */

#include "../../../../arch/i386/include/atomic.h"
