/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Threads of pthread_create(): memory of their own and in common, waiting for
 * each other, and what fork and exec make of them.
 */

#include "ktap.h"

#include <pthread.h>
#include <semaphore.h>

enum { THREADS = 8 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long counter;
static __thread long own = 5;

static void *
add(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&lock);
		counter++;
		pthread_mutex_unlock(&lock);
		own += (long)(intptr_t)arg;
	}
	return ((void *)own);
}

static void
test_mutex(void)
{
	pthread_t t[THREADS];
	void *result;

	counter = 0;
	for (long i = 0; i < THREADS; i++)
		EXPECT_IS(pthread_create(&t[i], NULL, add, (void *)i), 0);
	for (long i = 0; i < THREADS; i++) {
		EXPECT_IS(pthread_join(t[i], &result), 0);
		/* Each thread's `own' began with 5. */
		EXPECT_IS((long)result, 5 + 2000 * i);
	}
	EXPECT_IS(counter, THREADS * 2000);
	EXPECT_IS(own, 5);
}

static int turn;

static void *
take_turns(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; i < 500; i++) {
		pthread_mutex_lock(&lock);
		while (turn != me)
			pthread_cond_wait(&changed, &lock);
		counter += me * 2 - 1 == (i & 1 ? 1 : -1) ? 0 : 1;
		turn = !me;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&lock);
	}
	return (NULL);
}

static void
test_condition(void)
{
	pthread_t t[2];

	turn = 0;
	for (long i = 0; i < 2; i++)
		EXPECT_IS(pthread_create(&t[i], NULL, take_turns, (void *)i),
		    0);
	for (int i = 0; i < 2; i++)
		EXPECT_IS(pthread_join(t[i], NULL), 0);
	EXPECT_IS(turn, 0);
}

static void
test_timed_wait(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_nsec += 20000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_nsec -= 1000000000;
		ts.tv_sec++;
	}
	pthread_mutex_lock(&lock);
	EXPECT_IS(pthread_cond_timedwait(&changed, &lock, &ts), ETIMEDOUT);
	pthread_mutex_unlock(&lock);
}

static pthread_barrier_t barrier;
static int phase[THREADS];

static void *
meet(void *arg)
{
	int me = (int)(intptr_t)arg, good = 1;

	for (int k = 1; k <= 20; k++) {
		phase[me] = k;
		pthread_barrier_wait(&barrier);
		for (int i = 0; i < THREADS; i++)
			good &= phase[i] == k;
		pthread_barrier_wait(&barrier);
	}
	return ((void *)(intptr_t)good);
}

static void
test_barrier(void)
{
	pthread_t t[THREADS];
	void *good;

	pthread_barrier_init(&barrier, NULL, THREADS);
	for (long i = 0; i < THREADS; i++)
		EXPECT_IS(pthread_create(&t[i], NULL, meet, (void *)i), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], &good);
		EXPECT(good != NULL);
	}
	pthread_barrier_destroy(&barrier);
}

static void *
nothing(void *arg)
{
	return (arg);
}

/* Stacks and thread numbers are used again and again. */
static void
test_many(void)
{
	pthread_t t[20];
	void *result;

	for (long k = 0; k < 10; k++) {
		for (long i = 0; i < 20; i++)
			EXPECT_IS(pthread_create(&t[i], NULL, nothing,
			    (void *)(i + k)), 0);
		for (long i = 0; i < 20; i++) {
			EXPECT_IS(pthread_join(t[i], &result), 0);
			EXPECT_IS((long)result, i + k);
		}
	}
}

static sem_t done;

static void *
post(void *arg)
{
	sleep_ms(5);
	sem_post(&done);
	return (arg);
}

static void
test_detached(void)
{
	pthread_t t;

	sem_init(&done, 0, 0);
	for (int i = 0; i < 10; i++) {
		EXPECT_IS(pthread_create(&t, NULL, post, NULL), 0);
		EXPECT_IS(pthread_detach(t), 0);
	}
	for (int i = 0; i < 10; i++)
		EXPECT_IS(sem_wait(&done), 0);
}

static int ends[2];

static void *
read_one(void *arg)
{
	char c = 0;

	(void)arg;
	return ((void *)(intptr_t)(read(ends[0], &c, 1) == 1 ? c : -1));
}

/* A thread that sleeps in a call does not keep the others. */
static void
test_call_sleeps_alone(void)
{
	pthread_t t;
	void *c;

	EXPECT_IS(pipe(ends), 0);
	EXPECT_IS(pthread_create(&t, NULL, read_one, NULL), 0);
	sleep_ms(20);
	EXPECT_IS(write(ends[1], "y", 1), 1);
	pthread_join(t, &c);
	EXPECT_IS((intptr_t)c, 'y');
	close(ends[0]);
	close(ends[1]);
}

static void *
spin_for_ever(void *arg)
{
	for (;;)
		;
	return (arg);
}

static void
exit_with_threads(void)
{
	pthread_t t;

	for (int i = 0; i < 3; i++)
		pthread_create(&t, NULL, spin_for_ever, NULL);
	sleep_ms(10);
	exit(9);
}

static void
test_exit_ends_all(void)
{
	EXPECT_IS(status_of(child(exit_with_threads)), 9);
}

/*
 * The program ends with its last thread.  It is executed for this: musl 1.2.3
 * does not get that right in a process that was forked.
 */
static int
leave_main(void)
{
	pthread_t t;

	pthread_create(&t, NULL, post, NULL);
	pthread_exit(NULL);
}

static void
become_leaver(void)
{
	execl(boot_file("thread"), "thread", "leave", NULL);
	_exit(126);
}

static void
test_last_thread(void)
{
	EXPECT_IS(status_of(child(become_leaver)), 0);
}

static void *
fork_here(void *arg)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(own == 5 ? 4 : 5);
	return ((void *)(intptr_t)(status_of(pid) == 4 ? arg : NULL));
}

/* Only the thread that forks is in the child. */
static void
test_fork(void)
{
	pthread_t spinner, t[4];
	void *good;

	fflush(stdout);
	EXPECT_IS(pthread_create(&spinner, NULL, add, (void *)0l), 0);
	for (int i = 0; i < 4; i++)
		EXPECT_IS(pthread_create(&t[i], NULL, fork_here, t), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &good);
		EXPECT(good != NULL);
	}
	pthread_join(spinner, NULL);
}

static void *
end_all(void *arg)
{
	_exit((int)(intptr_t)arg);
}

static void
exit_from_thread(void)
{
	pthread_t t;

	pthread_create(&t, NULL, end_all, (void *)11);
	spin_for_ever(NULL);
}

static void
test_exit_from_thread(void)
{
	EXPECT_IS(status_of(child(exit_from_thread)), 11);
}

static volatile sig_atomic_t hits;

static void
hit(int sig)
{
	(void)sig;
	hits++;
}

static void
test_thread_kill(void)
{
	struct sigaction sa = { .sa_handler = hit };
	pthread_t t;
	void *c;

	hits = 0;
	EXPECT_IS(sigaction(SIGUSR1, &sa, NULL), 0);
	EXPECT_IS(pipe(ends), 0);
	EXPECT_IS(pthread_create(&t, NULL, read_one, NULL), 0);
	sleep_ms(20);
	EXPECT_IS(pthread_kill(t, SIGUSR1), 0);
	pthread_join(t, &c);
	EXPECT_IS((intptr_t)c, -1);
	EXPECT_IS(hits, 1);
	close(ends[0]);
	close(ends[1]);
	signal(SIGUSR1, SIG_DFL);
}

static const struct ktap_case cases[] = {
	{ "thread.mutex", test_mutex },
	{ "thread.condition", test_condition },
	{ "thread.timed_wait", test_timed_wait },
	{ "thread.barrier", test_barrier },
	{ "thread.many", test_many },
	{ "thread.detached", test_detached },
	{ "thread.call_sleeps_alone", test_call_sleeps_alone },
	{ "thread.exit_ends_all", test_exit_ends_all },
	{ "thread.last_thread", test_last_thread },
	{ "thread.fork", test_fork },
	{ "thread.exit_from_thread", test_exit_from_thread },
	{ "thread.kill", test_thread_kill },
};

int
main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "leave") == 0)
		return (leave_main());
	return (ktap_run(cases, (int)(sizeof(cases) / sizeof(cases[0])), argc,
	    argv));
}
