/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_SYSTM_H_
#define	_SYS_SYSTM_H_

/*
 * What every file of the kernel may use: output, panic, assertions, and
 * string functions, some of which the compiler calls by itself.
 */

#include <stdarg.h>
#include <sys/types.h>

#define	__printflike(f, a)	__attribute__((__format__(__printf__, f, a)))
#define	__dead2			__attribute__((__noreturn__))
/* Where the function that contains this returns to. */
#define	__caller()		__builtin_return_address(0)

/*
 * printf: formats onto the console.  Any context.  The text of one call is
 * never interleaved with another's; past 511 bytes it is cut.  A caller that
 * may sleep does so until the serial port has taken the text.  Supports %c %s
 * %d %i %u %x %X %p %% with flags 0 and -, width, precision for %s, and the
 * lengths h hh l ll z; and
 *
 *	%pS	an address of code, and its name: 0x80100a12 kern_main+0x12
 *	%pC	a return address, and the name of the code that made the call
 *
 * which print the address alone if it is outside the kernel's text.  Write
 * "%pC" for what __caller() returned.
 */
int	printf(const char *fmt, ...) __printflike(1, 2);
int	vprintf(const char *fmt, va_list ap) __printflike(1, 0);

/*
 * printf_nosleep: as printf(), but never sleeps, for a caller that must not be
 * kept by a terminal that is not read.  Any context.
 */
int	printf_nosleep(const char *fmt, ...) __printflike(1, 2);

/*
 * printf_bytes: what a program prints: bytes that go to the serial port as they
 * are, in one piece, with CR before a newline.  4 KB at most.  Context and
 * waiting as printf().
 */
void	printf_bytes(const char *bytes, size_t len);

/*
 * printf_flush: waits until all that was printed has left the serial port, for
 * as long as it takes; after a panic, for some seconds.  False if any of it was
 * lost since the start.  Any context; sleeps where the caller may.
 */
bool	printf_flush(void);

/* snprintf: as printf(), into a buffer; returns the length of all of it. */
int	snprintf(char *buf, size_t size, const char *fmt, ...)
	    __printflike(3, 4);
int	vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
	    __printflike(3, 0);

/*
 * panic: reports a broken contract or a broken machine, and ends the run.  Any
 * context.
 */
void	panic(const char *fmt, ...) __dead2 __printflike(1, 2);

/* KASSERT: panics with the message unless cond holds.  In every build. */
#define	KASSERT(cond, ...) do {						\
	if (__builtin_expect(!(cond), 0))				\
		panic(__VA_ARGS__);					\
} while (0)

/* KDEBUG: as KASSERT(), in debug builds only; where a check would cost. */
#ifdef DEBUG
#define	KDEBUG(cond, ...)	KASSERT(cond, __VA_ARGS__)
#else
#define	KDEBUG(cond, ...)	((void)sizeof(!(cond)))
#endif

void	*memcpy(void *restrict dst, const void *restrict src, size_t len);
void	*memmove(void *dst, const void *src, size_t len);
void	*memset(void *dst, int c, size_t len);
int	memcmp(const void *a, const void *b, size_t len);
size_t	strlen(const char *s);
size_t	strnlen(const char *s, size_t max);
int	strcmp(const char *a, const char *b);
int	strncmp(const char *a, const char *b, size_t len);
char	*strchr(const char *s, int c);

#endif /* !_SYS_SYSTM_H_ */
