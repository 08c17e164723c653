/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * execve(2): another program in this task.  All that the old one had between
 * PROGRAM_LOW and PROGRAM_HIGH goes; the personality and its data stay.
 *
 * Until the file is found good the old program is whole, and gets an error.
 * Meanwhile the arguments wait in memory of their own, at EXEC_BASE.
 */

#include "user/elf.h"
#include "user/linux.h"
#include "user/native.h"
#include "user/proc.h"

#define	ARGS_MAX	4096u
#define	PIE_BASE	0x00400000u
#define	STATUS_CANNOT	126	/* exit statuses of a shell for these two */
#define	STATUS_MISSING	127

/* What the new program gets, at EXEC_BASE. */
struct request {
	struct elf_image image;
	uint32_t index;			/* boot file */
	uint32_t argc, envc;
	uint32_t len;			/* bytes of strings */
	uint32_t offsets[2 * ARGS_MAX];	/* of each: arguments, environment */
	char strings[];			/* NUL behind each */
};
#define	req		((struct request *)EXEC_BASE)
#define	STRINGS_MAX	(EXEC_SIZE - sizeof(struct request))

static uint8_t head[ELF_HEAD];
static volatile uint32_t busy;		/* a thread is in execve() */

static int
request_begin(void)
{
	int r = native(CALL_MEM_MAP, EXEC_BASE, EXEC_SIZE, 0,
	    PROT_READ | PROT_WRITE | MAP_FIXED);

	if (r < 0)
		return (r);
	req->argc = req->envc = req->len = 0;
	return (0);
}

static void
request_end(void)
{
	native(CALL_MEM_UNMAP, EXEC_BASE, EXEC_SIZE, 0, 0);
}

/* Appends a byte to the strings; false if there is no room. */
static bool
add_byte(char c)
{
	if (req->len == STRINGS_MAX)
		return (false);
	req->strings[req->len++] = c;
	return (true);
}

static bool
begin_string(uint32_t *count, uint32_t first)
{
	if (*count == ARGS_MAX)
		return (false);
	req->offsets[first + (*count)++] = req->len;
	return (true);
}

static bool
add_string(uint32_t *count, uint32_t first, const char *s)
{
	if (!begin_string(count, first))
		return (false);
	do {
		if (!add_byte(*s))
			return (false);
	} while (*s++ != '\0');
	return (true);
}

static int
add_vector(uint32_t *count, uint32_t first, const char *const *v)
{
	for (; v != NULL && *v != NULL; v++) {
		if (!is_program((uint32_t)*v, 1))
			return (-EFAULT);
		if (!add_string(count, first, *v))
			return (-E2BIG);
	}
	return (0);
}

/* Reads the file's headers; NULL, or why it is no program that can run. */
static const char *
examine(uint32_t index)
{
	const struct boot_file *bf = &boot->files[index];
	uint32_t base = PIE_BASE + (random32() & 0xfff) * PAGE_SIZE;
	int n = native(CALL(CALL_MEM_READ, bf->handle), (uint32_t)head,
	    bf->size < ELF_HEAD ? bf->size : ELF_HEAD, 0, 0);

	if (n < 0)
		return ("cannot be read");
	req->index = index;
	return (elf_parse(head, n, bf->size, PROGRAM_LOW,
	    PROGRAM_HIGH - STACK_SIZE, base, &req->image));
}

static int
map(uint32_t handle, uint32_t start, uint32_t end, uint32_t page,
    uint32_t flags)
{
	if (start == end)
		return (0);
	return (native(CALL(CALL_MEM_MAP, handle), start, end - start, page,
	    flags | MAP_FIXED));
}

static int
load_segment(const struct elf_segment *seg, uint32_t handle)
{
	int r = map(handle, seg->start, seg->file_end, seg->page,
	    seg->rights | MAP_PRIVATE);

	if (r >= 0)
		r = map(0, seg->file_end, seg->end, 0, seg->rights);
	if (r < 0)
		return (r);
	if ((seg->rights & ELF_WRITE) != 0 && seg->zero < seg->file_end)
		memset((void *)seg->zero, 0, seg->file_end - seg->zero);
	return (0);
}

static int
load(const struct elf_image *img)
{
	uint32_t handle = boot->files[req->index].handle;
	int r;

	for (uint32_t i = 0; i < img->nsegments; i++) {
		r = load_segment(&img->segments[i], handle);
		if (r < 0)
			return (r);
	}
	proc.brk_low = proc.brk = proc.brk_high = round_page(img->end);
	proc.map_top = PROGRAM_HIGH - STACK_SIZE - PAGE_SIZE -
	    (random32() & 0xfff) * PAGE_SIZE;
	return (map(0, PROGRAM_HIGH - STACK_SIZE, PROGRAM_HIGH, 0,
	    PROT_READ | PROT_WRITE));
}

static uint32_t
cpu_features(void)
{
	uint32_t eax = 1, ebx, ecx, edx;

	__asm__ ("cpuid" : "+a" (eax), "=b" (ebx), "=c" (ecx), "=d" (edx));
	return (edx);
}

/* Places bytes on the new stack, from the top down. */
static uint32_t
place(uint32_t *sp, const void *bytes, uint32_t len)
{
	*sp -= len;
	memcpy((void *)*sp, bytes, len);
	return (*sp);
}

static uint32_t *
put_vector(uint32_t *out, uint32_t strings, uint32_t first, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		*out++ = strings + req->offsets[first + i];
	*out++ = 0;
	return (out);
}

static uint32_t *
put_aux(uint32_t *out, uint32_t type, uint32_t value)
{
	*out++ = type;
	*out++ = value;
	return (out);
}

#define	NAUX	18u

static void
put_auxv(uint32_t *out, uint32_t name, uint32_t random, uint32_t platform)
{
	const struct elf_image *img = &req->image;

	out = put_aux(out, AT_SYSINFO, (uint32_t)linux_entry);
	out = put_aux(out, AT_HWCAP, cpu_features());
	out = put_aux(out, AT_PAGESZ, PAGE_SIZE);
	out = put_aux(out, AT_CLKTCK, 100);
	if (img->phdr != 0) {
		out = put_aux(out, AT_PHDR, img->phdr);
		out = put_aux(out, AT_PHENT, 32);
		out = put_aux(out, AT_PHNUM, img->phnum);
	}
	out = put_aux(out, AT_BASE, 0);
	out = put_aux(out, AT_FLAGS, 0);
	out = put_aux(out, AT_ENTRY, img->entry);
	out = put_aux(out, AT_UID, 0);
	out = put_aux(out, AT_EUID, 0);
	out = put_aux(out, AT_GID, 0);
	out = put_aux(out, AT_EGID, 0);
	out = put_aux(out, AT_SECURE, 0);
	out = put_aux(out, AT_RANDOM, random);
	out = put_aux(out, AT_EXECFN, name);
	out = put_aux(out, AT_PLATFORM, platform);
	put_aux(out, AT_NULL, 0);
}

/*
 * The stack as a program finds it: from the top down strings, random bytes, the
 * vector of the ABI with argc at its lowest address, which is aligned to 16.
 */
static uint32_t
build_stack(void)
{
	uint32_t sp = PROGRAM_HIGH - (random32() & 0xff) * 16, bytes[4], vector;
	uint32_t strings, name, random, platform, *out;
	char text[64];

	boot_file_name(req->index, text);
	name = place(&sp, text, strlen(text) + 1);
	name = place(&sp, "/boot/", 6);
	platform = place(&sp, "i686", 5);
	strings = place(&sp, req->strings, req->len);
	for (uint32_t i = 0; i < nitems(bytes); i++)
		bytes[i] = random32();
	random = place(&sp, bytes, sizeof(bytes));
	vector = 1 + req->argc + 1 + req->envc + 1 + 2 * (NAUX + 1);
	sp = (sp - vector * 4) & ~15u;
	out = (uint32_t *)sp;
	*out++ = req->argc;
	out = put_vector(out, strings, 0, req->argc);
	out = put_vector(out, strings, ARGS_MAX, req->envc);
	put_auxv(out, name, random, platform);
	return (sp);
}

static void
name_process(void)
{
	char text[64];

	boot_file_name(req->index, text);
	memcpy(proc.name, text, sizeof(proc.name) - 1);
	proc.program = req->index;
}

/* Replaces the program; runs with nothing on the stack that is still needed. */
static void
replace(void)
{
	struct regs r = { .eflags = 0x202 };

	native(CALL_MEM_UNMAP, PROGRAM_LOW, PROGRAM_HIGH - PROGRAM_LOW, 0, 0);
	if (load(&req->image) < 0) {
		say("personality: %s: no memory for the program\n", proc.name);
		process_exit(STATUS_NOTE(SIGKILL));
	}
	name_process();
	r.esp = build_stack();
	r.eip = req->image.entry;
	request_end();
	busy = 0;
	fpu_restore(fpu_initial);
	proc.main_slot = thread_slot(self());
	self()->tid = proc.pid;
	self()->clear_tid = 0;
	go(&r);
}

/* Gathers what the new program gets, and looks whether it is one. */
static int
prepare(uint32_t index, const struct regs *r)
{
	int error = add_vector(&req->argc, 0, (void *)r->ecx);

	if (error == 0)
		error = add_vector(&req->envc, ARGS_MAX, (void *)r->edx);
	if (error == 0 && examine(index) != NULL)
		error = -ENOEXEC;
	return (error);
}

/* execve(name, argv, envp) */
int
linux_execve(struct regs *r)
{
	struct path p;
	int error = path_find((const char *)r->ebx, &p);

	if (error != 0)
		return (error);
	if (p.type != FILE_BOOT)
		return (-EACCES);
	if (atomic_swap(&busy, 1) != 0)
		return (-EAGAIN);
	error = request_begin();
	if (error == 0)
		error = prepare(p.index, r);
	if (error != 0) {
		request_end();
		busy = 0;
		return (error);
	}
	threads_end_others();
	fd_close_on_exec();
	signal_exec();
	exec_on_stack(replace);
}

static int
hex(char c)
{
	return (c >= '0' && c <= '9' ? c - '0' :
	    c >= 'A' && c <= 'F' ? c - 'A' + 10 :
	    c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1);
}

/*
 * The next byte of a word of the boot block's text (docs/user-mode.md): %XX is
 * a byte, another % is nothing; -1 at a comma or the end.
 */
int
boot_byte(const char **text)
{
	const char *s = *text;

	while (s[0] == '%') {
		if (hex(s[1]) >= 0 && hex(s[2]) >= 0) {
			*text = s + 3;
			return (hex(s[1]) << 4 | hex(s[2]));
		}
		s++;
	}
	*text = s;
	if (*s == '\0' || *s == ',')
		return (-1);
	(*text)++;
	return ((uint8_t)*s);
}

static bool
add_boot_words(const char *text)
{
	int c;

	for (;;) {
		if (!begin_string(&req->argc, 0))
			return (false);
		while ((c = boot_byte(&text)) > 0)
			if (!add_byte(c))
				return (false);
		if (!add_byte('\0'))
			return (false);
		if (*text++ != ',')
			return (true);
	}
}

/* The first program, as the command line of the kernel names it. */
void
exec_first(void)
{
	static const char *const envp[] = {
		"PATH=/boot", "HOME=/", "TERM=dumb", "PWD=/"
	};
	const char *why, *name;
	int index;
	bool fits = request_begin() == 0 && add_boot_words(boot->args);

	for (uint32_t i = 0; fits && i < nitems(envp); i++)
		fits = add_string(&req->envc, ARGS_MAX, envp[i]);
	if (!fits) {
		say("personality: the arguments are too long\n");
		process_exit(STATUS_CANNOT);
	}
	name = req->strings;
	index = boot_file_find(name);
	if (index < 0) {
		say("personality: %s: there is no such program\n", name);
		process_exit(STATUS_MISSING);
	}
	why = examine(index);
	if (why != NULL) {
		say("personality: %s: %s\n", name, why);
		process_exit(STATUS_CANNOT);
	}
	exec_on_stack(replace);
}
