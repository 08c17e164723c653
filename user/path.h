/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _USER_PATH_H_
#define	_USER_PATH_H_

/* The names that there are besides the boot modules': user/path.c. */

#include <stdint.h>

enum dir { DIR_ROOT, DIR_BOOT, DIR_DEV, DIRS };
extern const char *const dir_names[DIRS];

#define	DEVICES		7u
struct device {
	const char *name;
	uint8_t type;			/* FILE_NONE: the descriptor `index' */
	uint8_t index;
	uint16_t rdev;
};
extern const struct device devices[DEVICES];

#endif /* !_USER_PATH_H_ */
