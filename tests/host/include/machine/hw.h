/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Host shim: the kernel's own header.  The host tests call only those functions
 * that access memory.
 */

#include "../../../../arch/i386/include/hw.h"
