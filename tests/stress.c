/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Stress: three workers for each CPU allocate sf_bufs with every flag, read
 * and verify, hand mappings to each other, free, wire and unwire, signal each
 * other, sleep, end and are replaced, while pages are freed and others take
 * their places.
 *
 * Each subject is a page with a signature in it that no other page has or had.
 * A worker that maps a subject holds it; the subject's page is changed only
 * while no worker holds it.  So a mapping that shows another signature is
 * stale.  At the end no worker may be left waiting, and no slot referenced.
 *
 * A worker that allocates holds no mapping, and at most half of the slots are
 * in inboxes; so there is always a worker that frees.
 */

#include <sys/types.h>
#include <sys/job.h>
#include <sys/lock.h>
#include <sys/pcpu.h>
#include <sys/power.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <sys/timeout.h>
#include <sys/tunable.h>
#include <machine/atomic.h>
#include <machine/ipi.h>
#include <machine/tsc.h>
#include <vm/kmem.h>
#include <vm/vm_page.h>

#define	PER_CPU		3u	/* workers: one of them bound */
#define	MAXSUBJECTS	4096u
#define	MAXWORKERS	(PER_CPU * MAXCPU)
#define	LIFE		20000u	/* operations of one worker, at most */
#define	CHANGING	0x80000000u

static u_int stress_s;
TUNABLE_UINT(stress, "stress", stress_s, 0, 86400,
    "seconds of everything at once, instead of the main job; 0 is none");

static struct subject {
	struct vm_page *m;
	volatile uint32_t signature;
	volatile uint32_t holders;	/* or CHANGING */
} subjects[MAXSUBJECTS];
static u_int nsubjects;

static struct worker {
	struct spinlock lock;
	struct thread *td;		/* under lock: to be signalled */
	struct sf_buf *inbox;		/* under lock: handed over, or NULL */
	struct subject *inbox_subject;	/* under lock: what inbox maps */
	uint32_t rng;
	volatile uint32_t ended;
	uint64_t ops;
} *workers;
static u_int nworkers;

static volatile uint32_t stopping, in_flight;
static volatile uint32_t stale, unasked;	/* what must stay 0 */
static volatile uint32_t next_signature;

static volatile uint32_t *
words(struct sf_buf *sf)
{
	return ((volatile uint32_t *)sf_buf_kva(sf));
}

/* Writes the signature at both ends and in the middle of the page. */
static void
sign(struct sf_buf *sf, uint32_t signature)
{
	words(sf)[0] = words(sf)[511] = words(sf)[1023] = signature;
}

/* Counts the mapping as stale unless it shows the subject's page. */
static void
verify(struct sf_buf *sf, const struct subject *s)
{
	uint32_t want = s->signature;

	if (sf_buf_page(sf) == s->m && words(sf)[0] == want &&
	    words(sf)[511] == want && words(sf)[1023] == want)
		return;
	if (atomic_fetchadd_32(&stale, 1) < 10)
		printf("stress: stale: CPU %u reads 0x%x at %p, not 0x%x of "
		    "frame 0x%x\n", curcpu_id(), words(sf)[0],
		    (const void *)sf_buf_kva(sf), want, vm_page_index(s->m));
}

/* False if the subject's page is being changed, or another CPU was faster. */
static bool
hold(struct subject *s)
{
	uint32_t n = s->holders;

	return ((n & CHANGING) == 0 &&
	    atomic_cmpset_32(&s->holders, n, n + 1));
}

static void
let_go(struct subject *s)
{
	atomic_fetchadd_32(&s->holders, -1u);
}

static void
done_with(struct sf_buf *sf, struct subject *s)
{
	sf_buf_free(sf);
	let_go(s);
}

/* Gives the subject a page with a new signature; false if there is none. */
static bool
furnish(struct subject *s)
{
	struct sf_buf *sf;

	if ((s->m = vm_page_alloc(VM_ALLOC_WIRED)) == NULL)
		return (false);
	s->signature = atomic_fetchadd_32(&next_signature, 1);
	sf = sf_buf_alloc(s->m, SFB_DEFAULT);
	sign(sf, s->signature);
	sf_buf_free(sf);
	return (true);
}

static void
strip(struct subject *s)
{
	vm_page_unwire(s->m, 0);
	vm_page_free(s->m);
}

/*
 * Gives the subject another page, nearly always one that another subject had
 * before.  The new page is allocated before the old one is freed, so that the
 * two differ.  False if a worker holds the subject.
 */
static bool
change_page(struct subject *s)
{
	struct vm_page *old = s->m;
	struct subject was = *s;

	if (!atomic_cmpset_32(&s->holders, 0, CHANGING))
		return (false);
	if (furnish(s))
		strip(&was);
	else
		s->m = old;
	atomic_store_rel_32(&s->holders, 0);
	return (true);
}

/* Runs on some CPU, in interrupt context. */
static void
in_an_interrupt(void *arg)
{
	struct subject *s = arg;
	struct sf_buf *sf = sf_buf_alloc(s->m, SFB_NOWAIT);

	if (sf == NULL)
		return;
	verify(sf, s);
	sf_buf_free(sf);
}

/* Puts the mapping into another worker's inbox; false if that is full. */
static bool
hand_over(struct sf_buf *sf, struct subject *s, uint32_t *rng)
{
	struct worker *to = &workers[test_random(rng) % nworkers];
	bool taken = false;

	if (atomic_fetchadd_32(&in_flight, 1) >= nsfbufs / 2) {
		atomic_fetchadd_32(&in_flight, -1u);
		return (false);
	}
	spin_lock(&to->lock);
	if (to->inbox == NULL) {
		to->inbox = sf;
		to->inbox_subject = s;
		taken = true;
	}
	spin_unlock(&to->lock);
	if (!taken)
		atomic_fetchadd_32(&in_flight, -1u);
	return (taken);
}

/* Verifies and frees the mapping in the worker's inbox, if there is one. */
static void
empty_inbox(struct worker *w)
{
	struct sf_buf *sf;
	struct subject *s;

	spin_lock(&w->lock);
	sf = w->inbox;
	s = w->inbox_subject;
	w->inbox = NULL;
	spin_unlock(&w->lock);
	if (sf == NULL)
		return;
	verify(sf, s);
	done_with(sf, s);
	atomic_fetchadd_32(&in_flight, -1u);
}

static void
signal_a_worker(uint32_t *rng)
{
	struct worker *to = &workers[test_random(rng) % nworkers];

	spin_lock(&to->lock);
	if (to->td != NULL)
		thread_signal(to->td, test_random(rng) % 32);
	spin_unlock(&to->lock);
}

/* What a worker does while it has a mapping; false if it handed that over. */
static bool
use(struct sf_buf *sf, struct subject *s, bool private, uint32_t *rng)
{
	switch (test_random(rng) % 64) {
	case 0:
		if (test_random(rng) % 32 != 0)
			break;
		(void)thread_sleep_ms(1, SLEEP_CATCH);
		break;
	case 1: case 2: case 3:
		sched_yield();
		break;
	case 4: case 5: case 6: case 7:
		sf_buf_ref(sf);
		verify(sf, s);
		sf_buf_free(sf);
		break;
	case 8: case 9: case 10:
		vm_page_wire(s->m);
		vm_page_unwire(s->m, 0);
		break;
	default:
		return (private || test_random(rng) % 4 != 0 ||
		    !hand_over(sf, s, rng));
	}
	verify(sf, s);
	return (true);
}

/*
 * Counts a NULL that the flags do not allow: SFB_NOWAIT always allows one,
 * SFB_CATCH if a signal is pending.
 */
static void
check_refusal(int flags)
{
	uint32_t signals = curthread()->td_signals;

	if ((flags & SFB_NOWAIT) == 0 &&
	    ((flags & SFB_CATCH) == 0 || signals == 0))
		atomic_fetchadd_32(&unasked, 1);
	(void)thread_signals_take();
}

static void
map_one(struct subject *s, uint32_t *rng)
{
	int flags = (int)(test_random(rng) %
	    (SFB_CATCH + SFB_CPUPRIVATE + SFB_NOWAIT + 1));
	bool private = (flags & SFB_CPUPRIVATE) != 0, ours = true;
	struct sf_buf *sf;

	if (private)
		sched_pin();
	sf = sf_buf_alloc(s->m, flags);
	if (sf != NULL) {
		verify(sf, s);
		ours = use(sf, s, private, rng);
	} else
		check_refusal(flags);
	if (sf == NULL)
		let_go(s);
	else if (ours)
		done_with(sf, s);
	if (private)
		sched_unpin();
}

/* Counts as an operation only if a page was mapped, refused or changed. */
static void
one_operation(struct worker *w)
{
	uint32_t dice = test_random(&w->rng) % 4096;
	struct subject *s = &subjects[test_random(&w->rng) %
	    (dice % 4 == 0 ? nsubjects : (nsubjects + 7) / 8)];

	if (dice < 8)
		signal_a_worker(&w->rng);
	if (dice >= 8 && dice < 40)
		w->ops += change_page(s);
	else if (hold(s)) {
		w->ops++;
		if (dice >= 40 && dice < 44) {
			smp_call(test_random(&w->rng) % mp_ncpus,
			    in_an_interrupt, s);
			let_go(s);
		} else
			map_one(s, &w->rng);
	}
	empty_inbox(w);
}

static void
work(void *arg)
{
	struct worker *w = arg;
	uint32_t life = test_random(&w->rng) % LIFE;

	while (stopping == 0 && life-- > 0)
		one_operation(w);
	w->ended = 1;
}

/* Starts a thread for the worker; false if there is no memory for one. */
static bool
employ(struct worker *w)
{
	u_int i = (u_int)(w - workers), cpu = i / PER_CPU;
	struct thread *td;

	w->ended = 0;
	td = i % PER_CPU == 0 ? thread_create_on(cpu, work, w, "stress") :
	    thread_create(work, w, "stress");
	spin_lock(&w->lock);
	w->td = td;
	spin_unlock(&w->lock);
	return (td != NULL);
}

/* Joins the worker's thread, which must not be signalled from then on. */
static void
retire(struct worker *w)
{
	struct thread *td = w->td;

	spin_lock(&w->lock);
	w->td = NULL;
	spin_unlock(&w->lock);
	if (td != NULL)
		thread_join(td);
}

static bool
begin(uint32_t seed)
{
	nworkers = PER_CPU * mp_ncpus;
	nsubjects = nsfbufs < MAXSUBJECTS / 2 ? 2 * nsfbufs + 16 : MAXSUBJECTS;
	stopping = in_flight = stale = unasked = 0;
	next_signature = seed * 0x9e3779b9u;
	workers = kmalloc(nworkers * sizeof(*workers), M_ZERO);
	if (workers == NULL)
		return (false);
	for (u_int i = 0; i < nsubjects; i++) {
		subjects[i] = (struct subject){ 0 };
		if (furnish(&subjects[i]))
			continue;
		nsubjects = i;
		break;
	}
	for (u_int i = 0; i < nworkers; i++) {
		spin_init(&workers[i].lock, "stress", RANK_THREADS);
		workers[i].rng = seed + i;
	}
	return (nsubjects > 0);
}

/* Gives everything back, the mappings in inboxes too. */
static void
end(void)
{
	stopping = 1;
	for (u_int i = 0; i < nworkers; i++)
		retire(&workers[i]);
	for (u_int i = 0; i < nworkers; i++)
		empty_inbox(&workers[i]);
	for (u_int i = 0; i < nsubjects; i++)
		strip(&subjects[i]);
	kfree(workers);
	workers = NULL;
}

static uint64_t
operations(void)
{
	uint64_t n = 0;

	for (u_int i = 0; i < nworkers; i++)
		n += workers[i].ops;
	return (n);
}

/* Starts new threads for the workers whose threads have ended. */
static void
replace_ended(void)
{
	for (u_int i = 0; i < nworkers; i++) {
		if (workers[i].ended != 0) {
			retire(&workers[i]);
			(void)employ(&workers[i]);
		}
	}
}

static void
print_progress(u_int seconds)
{
	printf("# stress: %u s, %llu operations, %u stale\n", seconds,
	    (unsigned long long)operations(), stale);
}

/*
 * Runs for ms milliseconds, with a line each second if `loud'.  Returns the
 * number of operations; 0 if there was no memory.
 */
static uint64_t
stress(u_int ms, uint32_t seed, bool loud)
{
	uint64_t begun, second, n;

	if (!begin(seed))
		return (0);
	for (u_int i = 0; i < nworkers; i++)
		(void)employ(&workers[i]);
	sched_pin();		/* so that one CPU's TSC measures the time */
	begun = second = cpu_ticks();
	while (cpu_ticks() - begun < ms * ticks_per_ms) {
		(void)thread_sleep_ms(10, 0);
		replace_ended();
		if (!loud || cpu_ticks() - second < 1000 * ticks_per_ms)
			continue;
		second = cpu_ticks();
		print_progress((u_int)((second - begun) / ticks_per_ms / 1000));
	}
	sched_unpin();
	stopping = 1;
	for (u_int i = 0; i < nworkers; i++)
		retire(&workers[i]);
	n = operations();
	end();
	return (n);
}

static bool
stress_wanted(void)
{
	return (stress_s != 0);
}

/* What the option stress= asks for. */
static u_int
stress_run(void)
{
	u_int inuse = sf_buf_inuse(), threads = thread_count(), leaked;
	uint64_t n;
	bool good;

	printf("KTAP version 1\n1..1\n");
	n = stress(stress_s * 1000, test_seed(), true);
	leaked = sf_buf_inuse() - inuse + thread_count() - threads;
	printf("# stress: %llu operations, %u stale, %u leaked, %u refused "
	    "unasked, %u entries wrong\n", (unsigned long long)n, stale,
	    leaked, unasked, sf_buf_audit());
	sf_buf_print_stats();
	good = n != 0 && stale == 0 && leaked == 0 && unasked == 0 &&
	    sf_buf_audit() == 0;
	printf("%s 1 stress\n", good ? "ok" : "not ok");
	return (good ? EXIT_PASSED : EXIT_FAILED);
}

JOB(stress, 30, stress_wanted, stress_run);

TEST(moment, "stress.for_a_moment")
{
	EXPECT(stress(300, test_seed(), false) > 0);
	EXPECT_EQ(stale, 0);
	EXPECT_EQ(unasked, 0);
}

/* Two words of the page are wrong in turn, then the page itself is. */
TEST(notices, "stress.notices_stale_words_and_pages_and_refusals")
{
	struct sf_buf *sf;

	if (!begin(test_seed())) {
		test_skip("no page is free");
		return;
	}
	sf = sf_buf_alloc(subjects[0].m, SFB_DEFAULT);
	verify(sf, &subjects[0]);
	EXPECT_EQ(stale, 0);
	printf("# three stale mappings are to be found now:\n");
	words(sf)[511]++;
	verify(sf, &subjects[0]);
	sign(sf, subjects[0].signature);
	words(sf)[1023]++;
	verify(sf, &subjects[0]);
	EXPECT_EQ(stale, 2);
	sign(sf, subjects[1].signature);
	verify(sf, &subjects[1]);
	EXPECT_EQ(stale, 3);
	sf_buf_free(sf);
	check_refusal(SFB_NOWAIT | SFB_CATCH);
	EXPECT_EQ(unasked, 0);
	check_refusal(SFB_DEFAULT);
	check_refusal(SFB_CATCH);
	EXPECT_EQ(unasked, 2);
	end();
	stale = unasked = 0;
}
