; SPDX-License-Identifier: BSD-2-Clause
;
; void cpu_switch(void **save, void *restore): switches from one thread's stack
; to another's.  The arguments are in EAX and EDX (-mregparm=3).  The
; callee-saved registers of the System V i386 ABI are kept on the stack; all
; others were saved by the caller.  Interrupts are off.

	section .text
	global	cpu_switch
cpu_switch:
	push	ebp
	push	ebx
	push	esi
	push	edi
	mov	[eax], esp
	mov	esp, edx
	pop	edi
	pop	esi
	pop	ebx
	pop	ebp
	ret

	section .note.GNU-stack noalloc noexec nowrite progbits
