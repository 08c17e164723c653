; SPDX-License-Identifier: BSD-2-Clause
;
; A stub for each vector: pushes an error code where the CPU does not (SDM
; vol. 3A, table 6-1), the vector, and the registers, in the order of struct
; trapframe of <machine/trap.h>.

	section .text
	extern	trap

%macro	STUB 1
trap_stub_%1:
%if %1 != 8 && (%1 < 10 || %1 > 14) && %1 != 17 && %1 != 21
	push	dword 0
%endif
	push	dword %1
	jmp	alltraps
%endmacro

%assign i 0
%rep 256
	STUB	i
%assign i i+1
%endrep

alltraps:
	pusha
	cld
	mov	eax, esp
	call	trap
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
