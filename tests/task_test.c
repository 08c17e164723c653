/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tasks and their calls, by the programs of user_prog.asm.  Each test makes a
 * task, runs a program in it, and looks at how it ended; the fence around the
 * test sees that nothing of it is left.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <sys/timeout.h>
#include <sys/uio.h>
#include <machine/atomic.h>
#include <machine/trap.h>
#include <machine/tsc.h>
#include <machine/user.h>
#include <task/image.h>
#include <task/task.h>
#include <vm/map/vm_map.h>
#include <vm/vm_page.h>

#define	PROG_TEXT	0x10000u
#define	PROG_DATA	0x20000u
#define	PROG_STACK	0x40000u	/* its top */

extern const uint8_t prog_start[], prog_end[];
extern const uint8_t prog_ncalls[];

#define	PROGRAM(name)	extern const uint8_t prog_##name[]
PROGRAM(exit);
PROGRAM(numbers);
PROGRAM(sysenter);
PROGRAM(memory);
PROGRAM(object);
PROGRAM(stream);
PROGRAM(message);
PROGRAM(fork);
PROGRAM(futex);
PROGRAM(sleep);
PROGRAM(upcall);
PROGRAM(read_null);
PROGRAM(read_kernel);
PROGRAM(write_text);
PROGRAM(run_data);
PROGRAM(privileged);
PROGRAM(divide);
PROGRAM(int80);
PROGRAM(spin);
PROGRAM(sleeper);
PROGRAM(reader);
PROGRAM(writer);
PROGRAM(waiter);
PROGRAM(threads);
PROGRAM(random);
PROGRAM(hostile);
PROGRAM(handles);
PROGRAM(closed);
PROGRAM(unmapped);
PROGRAM(fork_read);
PROGRAM(futex_fork);
PROGRAM(fork_chain);

/* Whether this machine runs tasks; else the case is skipped. */
static bool
supported(void)
{
	if (user_supported() == NULL)
		return (true);
	test_skip(user_supported());
	return (false);
}

/* Makes a task with the programs in it; NULL, and a failure, if it cannot. */
static struct task *
make_task(void)
{
	struct task *t;
	bool good;

	time_init();
	t = task_create("test", &call_ops);
	EXPECT(t != NULL);
	if (t == NULL)
		return (NULL);
	good = image_memory(t, PROG_TEXT, (vm_size_t)(prog_end - prog_start),
	    PROT_READ | PROT_EXEC, prog_start,
	    (size_t)(prog_end - prog_start)) == 0 &&
	    image_memory(t, PROG_DATA, PAGE_SIZE, PROT_READ | PROT_WRITE,
	    NULL, 0) == 0 &&
	    image_memory(t, PROG_STACK - PAGE_SIZE, PAGE_SIZE,
	    PROT_READ | PROT_WRITE, NULL, 0) == 0;
	EXPECT(good);
	if (good)
		return (t);
	task_release(t);
	return (NULL);
}

/* Starts a program in a task of its own; EAX is its argument. */
static struct task *
start(const uint8_t *program, uint32_t eax)
{
	struct task *t = make_task();
	struct userframe uf;
	u_int id;

	if (t == NULL)
		return (NULL);
	user_frame_init(&uf, PROG_TEXT + (uint32_t)(program - prog_start),
	    PROG_STACK);
	uf.tf.eax = eax;
	EXPECT_EQ(task_thread(t, &uf, 0, 0, 0, &id), 0);
	EXPECT_EQ(id, t->t_id);
	return (t);
}

/* Waits until it has ended, compares the status, and frees it. */
static void
finish(struct task *t, uint32_t expected)
{
	uint32_t status = 0;

	if (t == NULL)
		return;
	EXPECT(task_wait(t, &status));
	EXPECT_EQ(status, expected);
	task_release(t);
}

static void
run(const uint8_t *program, uint32_t expected)
{
	if (supported())
		finish(start(program, 0), expected);
}

TEST(t_exit, "task.exit_status")
{
	run(prog_exit, 42);
}

TEST(t_numbers, "task.numbers_and_unknown_calls")
{
	EXPECT_EQ((uintptr_t)prog_ncalls, NCALLS);
	run(prog_numbers, 0);
}

TEST(t_sysenter, "task.sysenter_keeps_registers")
{
	if (!user_has_sysenter()) {
		test_skip("this CPU has no SYSENTER");
		return;
	}
	run(prog_sysenter, 0);
}

TEST(t_memory, "task.memory_calls")
{
	run(prog_memory, 0);
}

TEST(t_object, "task.objects_and_rights")
{
	run(prog_object, 0);
}

TEST(t_stream, "task.stream_calls")
{
	run(prog_stream, 0);
}

TEST(t_message, "task.message_with_a_handle")
{
	run(prog_message, 0);
}

TEST(t_fork, "task.fork_copies_and_tells")
{
	run(prog_fork, 0);
}

TEST(t_futex, "task.futex")
{
	run(prog_futex, 0);
}

TEST(t_futex_fork, "task.futex_and_fork")
{
	run(prog_futex_fork, 0);
}

TEST(t_sleep, "task.sleep_lasts")
{
	run(prog_sleep, 0);
}

TEST(t_upcall, "task.upcalls_and_notes")
{
	run(prog_upcall, 0);
}

TEST(t_faults, "task.each_fault_ends_the_task")
{
	run(prog_read_null, STATUS_FAULT(T_PAGEFLT));
	run(prog_read_kernel, STATUS_FAULT(T_PAGEFLT));
	run(prog_write_text, STATUS_FAULT(T_PAGEFLT));
	run(prog_privileged, STATUS_FAULT(13));
	run(prog_divide, STATUS_FAULT(0));
	run(prog_int80, STATUS_FAULT(0x80));
}

TEST(t_kill, "task.kill_ends_each_kind_of_wait")
{
	static const uint8_t *const programs[] = { prog_spin, prog_sleeper,
	    prog_reader, prog_writer, prog_waiter, prog_threads };
	struct task *t;

	if (!supported())
		return;
	for (u_int i = 0; i < nitems(programs); i++) {
		t = start(programs[i], 0);
		if (t == NULL)
			return;
		(void)thread_sleep_ms(10 * (i & 1), 0);
		task_note(t, NOTE_KILL);
		finish(t, STATUS_NOTE(NOTE_KILL));
	}
}

/*
 * A child whose first thread cannot be made: another thread of its parent has
 * sent its handle into a channel of which the child has the only end.
 */
TEST(t_abandoned, "task.a_child_without_a_thread_has_ended")
{
	struct kref end = { .ops = &chan_end_ops, .rights = RIGHT_READ };
	struct kref ref = { .ops = &task_ops, .rights = RIGHT_READ };
	struct uio none = { .uio_rw = UIO_WRITE };
	struct chan_end *ends[2];
	struct task *t, *child;
	uint32_t status;
	u_int handle;

	if (!supported() || (t = make_task()) == NULL)
		return;
	EXPECT_EQ(chan_create(CHAN_MESSAGE, ends), 0);
	end.object = ends[0];
	EXPECT_EQ(handle_alloc(t, &end, &handle), 0);
	ref.object = child = task_copy(t);
	EXPECT(child != NULL);
	EXPECT_EQ(handle_close(t, handle), 0);
	if (child != NULL) {
		task_ref(child);
		EXPECT_EQ(chan_write(ends[1], &none, 0, &ref, 1), 0);
		task_stillborn(child);
		EXPECT(task_status(child, &status));
		EXPECT_EQ(status, STATUS_NOTE(NOTE_KILL));
		task_release(child);
	}
	chan_end_release(ends[1]);
	task_release(t);
}

TEST(t_hostile, "task.no_buffer_is_trusted")
{
	run(prog_hostile, 0);
}

TEST(t_handles, "task.no_handle_is_trusted")
{
	run(prog_handles, 0);
}

TEST(t_closed, "task.handles_closed_under_a_sleeping_read")
{
	run(prog_closed, 0);
}

TEST(t_unmapped, "task.buffer_unmapped_while_calls_use_it")
{
	run(prog_unmapped, 0);
}

TEST(t_fork_read, "task.fork_while_a_read_is_under_way")
{
	run(prog_fork_read, 0);
}

TEST(t_many, "task.many_at_a_time")
{
	struct task *t[32] = { NULL };

	if (!supported())
		return;
	for (u_int i = 0; i < nitems(t); i++)
		t[i] = start(prog_fork, 0);
	for (u_int i = 0; i < nitems(t); i++)
		finish(t[i], 0);
}

/* That many tasks wait, each for its own channel, then none. */
static void
wait_and_end(u_int ntasks)
{
	static struct task *t[1000];
	u_int n;

	if (!supported())
		return;
	if (vm_page_zone_total(VM_ZONE_DIRECT) < 20 * ntasks) {
		test_skip("the kernel's own memory is too small for them");
		return;
	}
	for (n = 0; n < ntasks && (t[n] = start(prog_reader, 0)) != NULL; n++)
		continue;
	EXPECT_EQ(n, ntasks);
	EXPECT(task_count() >= n);
	for (u_int i = 0; i < n; i++)
		task_note(t[i], NOTE_KILL);
	while (n > 0)
		finish(t[--n], STATUS_NOTE(NOTE_KILL));
}

TEST(t_hundred, "task.a_hundred_wait_and_are_ended")
{
	wait_and_end(100);
}

/* It takes long, so it has a row of its own. */
HIDDEN_TEST(t_thousand, "task.a_thousand_wait_and_are_ended")
{
	wait_and_end(1000);
}

/* Counts what is wrong in the address space of a task that may run. */
static u_int
audit(struct task *t)
{
	u_int wrong = 0;

	mtx_lock(&t->t_map_lock);
	if (t->t_map != NULL)
		wrong = vm_map_audit(t->t_map);
	mtx_unlock(&t->t_map_lock);
	return (wrong);
}

TEST(t_random, "task.calls_at_random")
{
	uint32_t rng = test_seed();
	struct task *t;

	if (!supported())
		return;
	for (u_int i = 0; i < 8; i++) {
		t = start(prog_random, test_random(&rng));
		for (u_int n = 0; t != NULL && n < 3; n++) {
			(void)thread_sleep_ms(1, 0);
			EXPECT_EQ(audit(t), 0);
		}
		finish(t, 0);
	}
}

/* --- the list of all tasks --- */

#define	NTRANSIENT	48u

static struct task *transient[NTRANSIENT];
static volatile uint32_t walked;	/* walks are under way */

static void
release_all(void *arg)
{
	(void)arg;
	while (atomic_load_acq_32(&walked) == 0)
		continue;
	for (u_int i = 0; i < NTRANSIENT; i++)
		task_release(transient[i]);
}

/* Whether a walk over the list from a number on comes to the task. */
static bool
walk_finds(const struct task *wanted, u_int id)
{
	struct task *t;
	bool found = false;

	while (!found && (t = task_next(id)) != NULL) {
		id = t->t_id;
		found = t == wanted;
		task_release(t);
	}
	return (found);
}

TEST(t_walk, "task.a_walk_does_not_end_at_a_task_that_goes")
{
	struct task *last;
	struct thread *td;
	u_int missed = 0, first;

	for (u_int round = 0; round < 5 && supported(); round++) {
		for (u_int i = 0; i < NTRANSIENT; i++)
			transient[i] = task_create("transient", &call_ops);
		last = task_create("last", &call_ops);
		first = transient[0]->t_id - 1;
		walked = 0;
		td = thread_create(release_all, NULL, "release");
		EXPECT(td != NULL && last != NULL);
		atomic_store_rel_32(&walked, 1);
		while (task_count() > 1)
			missed += !walk_finds(last, first);
		thread_join(td);
		task_release(last);
	}
	EXPECT_EQ(missed, 0);
}

/* The task that is being forked when all others are told to end, ends too. */
TEST(t_end_all, "task.the_end_of_all_includes_what_is_being_forked")
{
	struct task *t;
	uint32_t status;

	for (u_int i = 0; i < 10 && supported(); i++) {
		t = start(prog_fork_chain, 0);
		if (t == NULL)
			return;
		EXPECT(task_wait(t, &status));
		EXPECT_EQ(status, 0);
		task_end_all(NULL, STATUS_NOTE(NOTE_KILL));
		task_release(t);
		EXPECT_EQ(task_count(), 0);
	}
}

/* Ends all tasks, for a thread. */
static void
end_all(void *arg)
{
	(void)arg;
	task_end_all(NULL, STATUS_NOTE(NOTE_KILL));
}

/*
 * A task that has no thread holds up the end of all until another has come,
 * as by a fork that was under way: that one has a higher number, and ends too.
 */
TEST(t_end_late, "task.the_end_of_all_ends_what_came_meanwhile")
{
	uint64_t limit = cpu_ticks() + 10000 * ticks_per_ms;
	struct task *first = supported() ? make_task() : NULL, *late;
	struct thread *td;
	uint32_t status;

	if (first == NULL)
		return;
	td = thread_create(end_all, NULL, "end all");
	KASSERT(td != NULL, "test: no thread");
	while (td->td_wchan == NULL && cpu_ticks() < limit)
		sched_yield();
	EXPECT(td->td_wchan != NULL);
	late = start(prog_sleeper, 0);
	task_stillborn(first);
	while (!task_status(late, &status) && cpu_ticks() < limit)
		sched_yield();
	EXPECT(task_status(late, &status));
	task_end(late, STATUS_NOTE(NOTE_KILL));
	thread_join(td);
	task_release(first);
	task_release(late);
}

TEST(t_stillborn, "task.a_task_that_gets_no_thread_has_ended")
{
	struct task *t = supported() ? make_task() : NULL, *child;

	if (t == NULL)
		return;
	child = task_copy(t);
	EXPECT(child != NULL);
	task_stillborn(child);
	task_release(t);
	finish(child, STATUS_NOTE(NOTE_KILL));
}
