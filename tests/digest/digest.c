/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The main job, done when no option asks for another.  It copies the boot
 * module page by page through sf_bufs into pages above 4 GiB (into other pages
 * where these do not suffice, with a message).  Then every CPU reads the copy
 * back through shared and through CPU-private sf_bufs, and prints the SHA-256
 * of each, which must equal the module's own.
 *
 * The frame numbers of the copy's pages are an array, the index, which itself
 * lies in wired pages that are read through sf_bufs.
 *
 * The job runs in one thread at a time; its memory is given back at the end.
 */

#include <sys/types.h>
#include <sys/job.h>
#include <sys/monitor.h>
#include <sys/pcpu.h>
#include <sys/power.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <machine/clock.h>
#include <boot/multiboot.h>
#include <tests/digest/sha256.h>
#include <vm/vm_page.h>

#define	PER_INDEX	(PAGE_SIZE / sizeof(uint32_t))
#define	INDEX_PAGES	256		/* enough for a module of 1 GiB */
#define	DIGEST_LEN	32

static struct vm_page *index_pages[INDEX_PAGES];
static uint32_t copied;			/* pages of the copy */
static uint32_t last_progress;		/* clock_seconds() at the last line */

/* Prints at most one line a second, and none in the first second. */
static void
progress(uint64_t done, uint64_t of, const char *what)
{
	uint32_t now = clock_seconds();

	if (now == last_progress)
		return;
	last_progress = now;
	printf("digest: %u of %u MB %s\n", (u_int)(done / 1000000),
	    (u_int)((of + 999999) / 1000000), what);
}

/* Maps the index by *sf, and returns the address of its entry n. */
static uint32_t *
map_index(uint32_t n, struct sf_buf **sf)
{
	*sf = sf_buf_alloc(index_pages[n / PER_INDEX], SFB_DEFAULT);
	return ((uint32_t *)sf_buf_kva(*sf) + n % PER_INDEX);
}

/* Returns page n of the copy. */
static struct vm_page *
copy_page_of(uint32_t n)
{
	struct sf_buf *sf;
	uint32_t frame = *map_index(n, &sf);

	sf_buf_free(sf);
	return (&vm_page_array[frame]);
}

/*
 * Whether all of the copy and its index fit above 4 GiB.  If not, other pages
 * are taken, and the direct map is turned off, because the job is to show
 * sf_bufs that are mapped.
 */
static bool
fits_high(uint64_t size)
{
	uint64_t pages = (size + PAGE_SIZE - 1) / PAGE_SIZE;

	pages += pages / PER_INDEX + 1;
	if (vm_page_zone_free(VM_ZONE_HIGH) >= pages)
		return (true);
	printf("digest: %u pages are free above 4 GiB, of %u needed: taking "
	    "others, as with sf_buf.dmap=off\n",
	    vm_page_zone_free(VM_ZONE_HIGH), (u_int)pages);
	return (false);
}

/*
 * The pages that the job takes for a file of `pages' pages: the copy, its index,
 * a thread on each CPU, and a spare MiB.
 */
static uint64_t
pages_needed(uint64_t pages)
{
	return (pages + pages / PER_INDEX + 1 +
	    mp_ncpus * (2 * KSTACK_SIZE / PAGE_SIZE) + 256);
}

/*
 * Whether there is room for a copy; if not, prints how large a file may be.  A
 * smaller file would also leave pages free where this one is.
 */
static bool
copy_fits(uint64_t size)
{
	uint64_t pages = (size + PAGE_SIZE - 1) / PAGE_SIZE, all = pages, most;

	for (u_int z = 0; z < VM_NZONES; z++)
		all += vm_page_zone_free((enum vm_zone)z);
	most = all / 2;
	if (most > INDEX_PAGES * PER_INDEX)
		most = INDEX_PAGES * PER_INDEX;
	while (most > 0 && most + pages_needed(most) > all)
		most--;
	if (pages <= most)
		return (true);
	printf("digest: the file, %llu bytes, fits in memory only once: there "
	    "is room for one of at most %llu bytes and its copy\n",
	    (unsigned long long)size, (unsigned long long)(most * PAGE_SIZE));
	return (false);
}

/* Returns page n of the copy, entered into the index; NULL if out of memory. */
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
	*map_index(n, &sf) = vm_page_index(m);
	sf_buf_free(sf);
	return (m);
}

/* Copies len bytes at pa, within a page, to dst, and hashes them. */
static void
copy_page(vm_paddr_t pa, size_t len, struct vm_page *dst,
    struct sha256_ctx *sha)
{
	struct vm_page *src = PHYS_TO_VM_PAGE(pa);
	struct sf_buf *from, *to;
	const void *data;

	vm_page_wire(src);
	from = sf_buf_alloc(src, SFB_DEFAULT);
	to = sf_buf_alloc(dst, SFB_DEFAULT);
	data = (const void *)(sf_buf_kva(from) +
	    (vm_offset_t)(pa & PAGE_MASK));
	memcpy((void *)sf_buf_kva(to), data, len);
	sha256_update(sha, data, len);
	sf_buf_free(to);
	sf_buf_free(from);
	vm_page_unwire(src, 0);
}

/* Copies the module; false if memory ran out. */
static bool
copy_in(const struct bootinfo *bi, struct sha256_ctx *sha)
{
	struct vm_page *dst;
	vm_paddr_t pa;
	size_t len;

	for (pa = bi->mod_start; pa < bi->mod_end; pa += len, copied++) {
		len = PAGE_SIZE - (size_t)(pa & PAGE_MASK);
		if (len > bi->mod_end - pa)
			len = (size_t)(bi->mod_end - pa);
		if ((dst = new_page(copied)) == NULL)
			return (false);
		copy_page(pa, len, dst, sha);
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

/* Frees the copy, and after it the index, by which its pages are found. */
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

/* Reads the copy by sf_bufs with these flags, and hashes it. */
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
		/* All CPUs do this at the same time: one reports. */
		if (curcpu_id() == 0)
			progress(ptoa(n), whole, flags == SFB_DEFAULT ?
			    "read shared" : "read CPU-private");
	}
	sha256_final(&sha, digest);
}

/* For each CPU the digest of what it read, shared first. */
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

/* Prints the digests of all CPUs; whether all equal the module's. */
static bool
compare_digests(const uint8_t module[DIGEST_LEN])
{
	bool agree = true;

	for (u_int i = 0; i < mp_ncpus; i++) {
		print_digest(i, "shared ", digests[i][0]);
		print_digest(i, "private", digests[i][1]);
		agree = agree &&
		    memcmp(module, digests[i][0], DIGEST_LEN) == 0 &&
		    memcmp(module, digests[i][1], DIGEST_LEN) == 0;
	}
	return (agree);
}

static void
explain_zero(uint64_t count, const char *what, const char *why)
{
	if (count == 0)
		printf("digest: %s 0: %s\n", what, why);
}

/* Prints the counters, and what it means that some of them are 0. */
static void
print_counters(void)
{
	struct sf_buf_stats s;

	sf_buf_print_stats();
	sf_buf_stats_read(&s);
	explain_zero(s.privates, "private mappings, local invalidations",
	    "each page had a shared mapping");
	explain_zero(s.removals, "mappings revived",
	    "every page kept its slot, and no mapping was removed");
	if (s.removals != 0)
		explain_zero(s.revived, "mappings revived",
		    "no page was read again before its slot was");
	explain_zero(s.hits, "hits", "the file is empty");
	explain_zero(s.misses, "misses", "the file is empty");
	explain_zero(s.races, "races lost",
	    "no two CPUs mapped a page at the same time");
	explain_zero(s.forced, "forced flushes, IPIs",
	    "flushed slots never ran out");
	explain_zero(s.sleeps, "sleeps", "a slot was always free");
	explain_zero(s.failures, "failures", "every request may sleep");
	explain_zero(s.peak, "peak",
	    "no slot was in use when a miss, one in 256, looked at it");
}

/* Copies, reads back and compares; returns a value for machine_exit(). */
static u_int
copy_and_read(const struct bootinfo *bi, uint64_t size)
{
	uint8_t whole[DIGEST_LEN];
	struct sha256_ctx sha;
	bool agree;

	sha256_init(&sha);
	last_progress = clock_seconds();
	if (!copy_in(bi, &sha)) {
		printf("digest: memory ran out during the copy\n");
		return (EXIT_FAILED);
	}
	sha256_final(&sha, whole);
	run_on_all_cpus(digest_on_this_cpu, &size);
	agree = compare_digests(whole);
	print_counters();
	if (!agree) {
		printf("digest: a digest differs from the module's\n");
		return (EXIT_FAILED);
	}
	return (EXIT_PASSED);
}

/* Returns EXIT_PASSED only if every digest equals the module's. */
static u_int
digest_run(void)
{
	const struct bootinfo *bi = boot_info();
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
	if (!copy_fits(size))
		return (EXIT_NOTHING);
	direct = sf_buf_set_direct_map(fits_high(size));
	result = copy_and_read(bi, size);
	free_copy();
	(void)sf_buf_set_direct_map(direct);
	return (result);
}

static bool
digest_wanted(void)
{
	return (true);
}

JOB(digest, JOB_DEFAULT, digest_wanted, digest_run);

COMMAND(command_digest, "digest", "", "do the main job again")
{
	if (digest_run() == EXIT_PASSED)
		printf("digest: all agree with the module's\n");
}

/* One byte of a digest of the last CPU is wrong.  Hidden, for it prints much. */
HIDDEN_TEST(compare, "digest.one_wrong_byte_of_any_cpu_is_noticed")
{
	static const uint8_t module[DIGEST_LEN] = { 1, 2, 3 };

	for (u_int i = 0; i < mp_ncpus; i++)
		for (u_int kind = 0; kind < 2; kind++)
			memcpy(digests[i][kind], module, DIGEST_LEN);
	printf("# no file is read: these digests are made up\n");
	EXPECT(compare_digests(module));
	for (u_int kind = 0; kind < 2; kind++) {
		digests[mp_ncpus - 1][kind][DIGEST_LEN - 1] ^= 0x80;
		EXPECT(!compare_digests(module));
		digests[mp_ncpus - 1][kind][DIGEST_LEN - 1] ^= 0x80;
	}
}
