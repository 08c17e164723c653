/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The main job: copies the boot module page by page through sf_bufs into
 * pages above 4 GiB (others where there are none, with a word); then every
 * CPU reads it back through shared and through CPU-private sf_bufs, and
 * prints the SHA-256 of each, which must agree with the module's own.
 *
 * Which page of the copy follows which is an array of page indices, itself in
 * wired pages that are read through sf_bufs.
 */

#include <sys/types.h>
#include <sys/digest.h>
#include <sys/monitor.h>
#include <sys/pcpu.h>
#include <sys/power.h>
#include <sys/sf_buf.h>
#include <sys/sha256.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/tsc.h>
#include <boot/multiboot.h>
#include <vm/vm_page.h>

#define	PER_INDEX	(PAGE_SIZE / sizeof(uint32_t))
#define	INDEX_PAGES	256		/* 1 GiB of file */
#define	DIGEST_LEN	32

static const struct bootinfo *bi;
static struct vm_page *index_pages[INDEX_PAGES];
static uint32_t copied;			/* pages of the copy */
static uint64_t last_said;		/* cpu_ticks() of the last progress() */

/* One line a second at most, from the second second on. */
static void
progress(uint64_t done, uint64_t of, const char *what)
{
	uint64_t now = cpu_ticks();

	if (now - last_said < 1000 * ticks_per_ms)
		return;
	last_said = now;
	printf("digest: %u of %u MB %s\n", (u_int)(done / 1000000),
	    (u_int)((of + 999999) / 1000000), what);
}

static uint32_t *
index_slot(uint32_t n, struct sf_buf **sf)
{
	*sf = sf_buf_alloc(index_pages[n / PER_INDEX], SFB_DEFAULT);
	return ((uint32_t *)sf_buf_kva(*sf) + n % PER_INDEX);
}

static struct vm_page *
copy_page_of(uint32_t n)
{
	struct sf_buf *sf;
	uint32_t frame = *index_slot(n, &sf);

	sf_buf_free(sf);
	return (&vm_page_array[frame]);
}

/*
 * Whether all of the copy and its index fits above 4 GiB.  Where it does not,
 * other pages are taken, and the direct map must not serve them: the job is
 * to show sf_bufs that are mapped.
 */
static bool
fits_high(uint64_t size)
{
	uint64_t pages = (size + PAGE_SIZE - 1) / PAGE_SIZE;

	pages += pages / PER_INDEX + 1;
	if (vm_page_zone_free(VM_ZONE_HIGH) >= pages)
		return (true);
	printf("digest: %u pages above 4 GiB, of %u that it takes: taking "
	    "others, and dmap=off\n", vm_page_zone_free(VM_ZONE_HIGH),
	    (u_int)pages);
	return (false);
}

/* A page for the copy, entered into the index; false if there is none. */
static struct vm_page *
new_page(uint32_t n)
{
	struct vm_page *m;
	struct sf_buf *sf;

	if (n / PER_INDEX >= INDEX_PAGES)
		return (NULL);
	if (index_pages[n / PER_INDEX] == NULL &&
	    (index_pages[n / PER_INDEX] = vm_page_alloc(VM_ALLOC_WIRED)) ==
	    NULL)
		return (NULL);
	if ((m = vm_page_alloc(VM_ALLOC_WIRED)) == NULL)
		return (NULL);
	*index_slot(n, &sf) = vm_page_index(m);
	sf_buf_free(sf);
	return (m);
}

/* Copies the module; false if memory ran out. */
static bool
copy_in(struct sha256_ctx *sha)
{
	struct sf_buf *from, *to;
	struct vm_page *src, *dst;
	vm_paddr_t pa;
	size_t len;

	for (pa = bi->mod_start; pa < bi->mod_end; pa += len, copied++) {
		len = PAGE_SIZE - (size_t)(pa & PAGE_MASK);
		if (len > bi->mod_end - pa)
			len = (size_t)(bi->mod_end - pa);
		src = PHYS_TO_VM_PAGE(pa);
		if ((dst = new_page(copied)) == NULL)
			return (false);
		vm_page_wire(src);
		from = sf_buf_alloc(src, SFB_DEFAULT);
		to = sf_buf_alloc(dst, SFB_DEFAULT);
		memcpy((void *)sf_buf_kva(to), (const void *)(sf_buf_kva(from)
		    + (vm_offset_t)(pa & PAGE_MASK)), len);
		sha256_update(sha, (const void *)(sf_buf_kva(from) +
		    (vm_offset_t)(pa & PAGE_MASK)), len);
		sf_buf_free(to);
		sf_buf_free(from);
		vm_page_unwire(src, 0);
		progress(pa - bi->mod_start, bi->mod_end - bi->mod_start,
		    "copied");
	}
	return (true);
}

static void
free_page(struct vm_page *m)
{
	vm_page_unwire(m, 0);
	vm_page_free(m);
}

/* Gives back the copy, and the index, which the last of it needs. */
static void
free_copy(void)
{
	while (copied > 0)
		free_page(copy_page_of(--copied));
	for (u_int i = 0; i < INDEX_PAGES && index_pages[i] != NULL; i++) {
		free_page(index_pages[i]);
		index_pages[i] = NULL;
	}
}

static void
read_back(uint64_t size, int flags, uint8_t digest[DIGEST_LEN])
{
	struct sha256_ctx sha;
	struct sf_buf *sf;
	uint64_t whole = size;
	size_t len;

	sha256_init(&sha);
	for (uint32_t n = 0; size > 0; n++, size -= len) {
		len = size < PAGE_SIZE ? (size_t)size : PAGE_SIZE;
		sf = sf_buf_alloc(copy_page_of(n), flags);
		sha256_update(&sha, (const void *)sf_buf_kva(sf), len);
		sf_buf_free(sf);
		/* The others do the same at the same time. */
		if (curcpu_id() == 0)
			progress(ptoa(n), whole, flags == SFB_DEFAULT ?
			    "read shared" : "read CPU-private");
	}
	sha256_final(&sha, digest);
}

/* One for each CPU: what it read, shared first. */
static uint8_t digests[MAXCPU][2][DIGEST_LEN];

static void
digest_on_this_cpu(void *arg)
{
	const uint64_t *size = arg;
	u_int cpu = curcpu_id();

	read_back(*size, SFB_DEFAULT, digests[cpu][0]);
	read_back(*size, SFB_CPUPRIVATE, digests[cpu][1]);
}

static void
print_digest(u_int cpu, const char *what, const uint8_t digest[DIGEST_LEN])
{
	char hex[2 * DIGEST_LEN + 1];

	for (u_int i = 0; i < DIGEST_LEN; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	printf("digest: cpu %u %s %s\n", cpu, what, hex);
}

/* Everything but the end of it; a value for machine_exit(). */
static u_int
copy_and_read(uint64_t size)
{
	uint8_t whole[DIGEST_LEN];
	struct sha256_ctx sha;
	bool agree = true;

	sha256_init(&sha);
	last_said = cpu_ticks();
	if (!copy_in(&sha)) {
		printf("digest: the file, %llu bytes, fits in memory only "
		    "once: no room for its copy\n", (unsigned long long)size);
		return (EXIT_FAILED);
	}
	sha256_final(&sha, whole);
	run_on_all_cpus(digest_on_this_cpu, &size);
	for (u_int i = 0; i < mp_ncpus; i++) {
		print_digest(i, "shared ", digests[i][0]);
		print_digest(i, "private", digests[i][1]);
		agree = agree &&
		    memcmp(whole, digests[i][0], DIGEST_LEN) == 0 &&
		    memcmp(whole, digests[i][1], DIGEST_LEN) == 0;
	}
	sf_buf_print_stats();
	if (!agree) {
		printf("digest: they differ from the module's\n");
		return (EXIT_FAILED);
	}
	return (EXIT_PASSED);
}

/* Contracts are in <sys/digest.h>. */
u_int
digest_run(void)
{
	uint64_t size = bi->mod_end - bi->mod_start;
	bool direct;
	u_int result;

	if (!bi->has_mod) {
		printf("digest: no file: the loader gave no module\n");
		return (EXIT_NOTHING);
	}
	if ((bi->mod_start & PAGE_MASK) != 0) {
		printf("digest: the module does not start on a page\n");
		return (EXIT_NOTHING);
	}
	direct = sf_buf_set_direct_map(fits_high(size));
	result = copy_and_read(size);
	free_copy();
	(void)sf_buf_set_direct_map(direct);
	return (result);
}

void
digest_init(const struct bootinfo *info)
{
	bi = info;
}

COMMAND(command_digest, "digest", "", "the main job once more")
{
	if (digest_run() == EXIT_PASSED)
		printf("digest: all agree with the module's\n");
}
