/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/* Host shim: of the kernel's own, what changes memory only. */

#include "../../../../arch/i386/include/hw.h"
