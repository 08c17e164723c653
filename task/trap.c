/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Exceptions in ring 3.  A page fault is handled by the task's map; INT 0x80
 * goes to the task itself; what is left ends the task, with a line that names
 * it.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/trap.h>
#include <task/task.h>
#include <vm/map/vm_map.h>

/* Contracts of the public functions are in <task/task.h>. */
const char *
task_fault_name(u_int vector)
{
	return (vector == T_INT80 ? "INT 0x80" : trap_name(vector));
}

static void
end_by_fault(const struct userframe *uf, const char *why)
{
	const struct uthread *ut = curuthread();

	printf("task %u (%s), thread %u: %s at 0x%x%s\n", ut->u_task->t_id,
	    ut->u_task->t_name, ut->u_id, task_fault_name(uf->tf.trapno),
	    uf->tf.eip, why);
	ut->u_task->t_fault_eip = uf->tf.eip;
	task_end(ut->u_task, STATUS_FAULT(uf->tf.trapno));
}

/*
 * Whether the CPU itself was refused what it wanted for an instruction of ring 3:
 * no page could mend that, and the task would fault for ever.  CPUs do so only
 * to their own tables, which are the kernel's; QEMU 7.2 with SMAP does for an
 * IRET in ring 3, whose stack it reads with the kernel's rights.
 */
static bool
is_refused_to_cpu(uint32_t err)
{
	return ((err & (PF_PRESENT | PF_USER)) == PF_PRESENT);
}

static void
page_fault(const struct userframe *uf, vm_offset_t va)
{
	uint32_t err = uf->tf.err;
	u_int prot = (err & PF_FETCH) != 0 ? PROT_EXEC :
	    (err & PF_WRITE) != 0 ? PROT_WRITE : PROT_READ;
	int error = va < USER_END && !is_refused_to_cpu(err) ?
	    vm_fault(curtask()->t_map, va, prot) : EACCES;
	char why[80];

	if (error == 0)
		return;
	snprintf(why, sizeof(why), ": %s of 0x%x, %s",
	    prot == PROT_EXEC ? "execution" : prot == PROT_WRITE ? "write" :
	    "read", va, error == ENOMEM ? "out of memory" :
	    error == EACCES ? "not allowed" : "nothing is mapped there");
	end_by_fault(uf, why);
}

void
task_exception(struct userframe *uf, vm_offset_t va)
{
	char why[40];

	if (uf->tf.trapno == T_PAGEFLT) {
		page_fault(uf, va);
		return;
	}
	if (uf->tf.trapno == T_INT80 && upcall(uf, UPCALL_INT80, 0))
		return;
	snprintf(why, sizeof(why), " (error code 0x%x)", uf->tf.err);
	end_by_fault(uf, why);
}
