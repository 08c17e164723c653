; SPDX-License-Identifier: BSD-2-Clause
;
; A stub for each vector: pushes an error code where the CPU does not (SDM
; vol. 3A, table 6-1), the vector, and the registers, in the order of struct
; trapframe of <machine/trap.h>.

%include "arch/i386/trap/ring3.inc"

	section .text
	extern	trap, user_trap, user_return, user_sysexit, user_exit_again

%macro	STUB 1
trap_stub_%1:
%if %1 != 8 && (%1 < 10 || %1 > 14) && %1 != 17 && %1 != 21
	push	dword 0
%endif
	push	dword %1
%if %1 == T_DEBUG || %1 == T_NMI || %1 == T_MACHINE
	jmp	anywhere
%else
	jmp	alltraps
%endif
%endmacro

%assign i 0
%rep 256
	STUB	i
%assign i i+1
%endrep

; Interrupts, and the exceptions of instructions.  From ring 0 the segment
; registers are the kernel's, but for an interrupt that comes just before
; SYSEXIT (see anywhere).
alltraps:
	test	byte [esp + STUB_CS], SEL_RPL
	jnz	from_ring3
	cmp	dword [esp + STUB_EIP], user_sysexit
	je	anywhere
	pusha
	cld
	mov	eax, esp
	call	trap
	popa
	add	esp, 8
	iret

; From ring 3.  A gate clears IF, TF and NT, and leaves the task's DF and AC,
; which would open SMAP (SDM vol. 3A 6.12.1, 4.6.1).  %gs stays the task's:
; the kernel does not use it.  EBP is 0 where the kernel's calls begin.
from_ring3:
	pusha
	push	dword EFLAGS_CLEAN
	popfd
	KERNEL_SEGMENTS
	xor	ebp, ebp
	mov	eax, esp
	call	user_trap
	jmp	user_return

; What may come between any two instructions, interrupts off or not: NMI, #MC,
; and #DB, by SYSENTER with TF set.  Although it comes from ring 0, the segment
; registers, TF, NT, AC and DF may be the task's, on the first instructions
; after SYSENTER and the last before SYSEXIT and IRET.  So the registers are
; saved, and given back.  An exception that ring 3 causes itself takes the usual
; way.
;
; STI holds interrupts off until SYSEXIT is over, but an NMI between the two
; ends that (SDM vol. 2, STI), and an SMI may: an interrupt would then come with
; the task's registers.  The frame is made to go on where the return to ring 3
; begins, with interrupts off.
anywhere:
	cmp	dword [esp], T_DEBUG
	jne	.save
	test	byte [esp + STUB_CS], SEL_RPL
	jnz	from_ring3
.save:
	pusha
	mov	eax, esp
	push	ds
	push	es
	push	fs
	push	dword EFLAGS_CLEAN
	popfd
	KERNEL_SEGMENTS
	cmp	dword [eax + TF_EIP], user_sysexit
	jne	.handle
	test	byte [eax + TF_CS], SEL_RPL
	jnz	.handle
	mov	dword [eax + TF_EIP], user_exit_again
	and	dword [eax + TF_EFLAGS], ~EFLAGS_IF
.handle:
	call	trap
	pop	fs
	pop	es
	pop	ds
	popa
	add	esp, 8
	iret

	global	double_fault_entry
	extern	double_fault
double_fault_entry:			; a task of its own: a fresh stack
	xor	ebp, ebp
	call	double_fault

	section .rodata
	global	trap_stubs
trap_stubs:
%assign i 0
%rep 256
	dd	trap_stub_ %+ i
%assign i i+1
%endrep

	section .note.GNU-stack noalloc noexec nowrite progbits
