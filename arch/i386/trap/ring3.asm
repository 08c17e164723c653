; SPDX-License-Identifier: BSD-2-Clause
;
; The ways into and out of ring 3 that are not a gate's: SYSENTER, SYSEXIT, and
; the return by IRET, which the gates of exception.asm use as well.
;
; Invariants: in ring 3 the thread's kernel stack is empty, and the frame of the
; way in lies at its very top.  In ring 0 ds, es and fs are the kernel's, but
; for the first and the last instructions here, on which only what exception.asm
; calls `anywhere' can come.  %gs is the task's, always: user_switch() keeps it.

%include "arch/i386/trap/ring3.inc"

	section .text
	extern	user_finish

; From SYSENTER, with ESP at the top of the kernel stack, where user_switch()
; put it, so that even an NMI on the first instruction has a stack.  ECX and EDX
; are the task's ESP and EIP.  SYSENTER clears IF, and leaves TF, NT, DF and AC
; as they were (SDM vol. 2, SYSENTER): POPFD clears them before C is called.
; With TF set a #DB comes before that, which trap() ends by clearing TF.
	global	user_sysenter, user_sysenter_clean
user_sysenter:
	push	dword GSEL_UDATA
	push	ecx
	push	dword EFLAGS_CLEAN | EFLAGS_IF
	push	dword GSEL_UCODE
	push	edx
	push	dword 0			; UF_FAST
	push	dword CALL_VECTOR
	pusha
	push	dword EFLAGS_CLEAN
	popfd
user_sysenter_clean:
	KERNEL_SEGMENTS
	xor	ebp, ebp		; ends every back-trace
	mov	edx, [fs:PC_CURTHREAD]
	mov	edx, [edx + TD_USER]
	mov	edx, [edx + UT_OPS]
	mov	eax, esp
	sti
	call	[edx + OPS_SYSCALL]

; Back to ring 3 from the call.  By SYSEXIT, which loses ECX, EDX and EFLAGS, if
; nothing waits to be done and the frame does not want all of its registers.
; The look is with interrupts off: what asks for more afterwards, asks by an
; interrupt, which comes in ring 3 and looks again.
leave:
	cli
	mov	edx, [fs:PC_CURTHREAD]
	mov	ecx, [fs:PC_NEED_RESCHED]
	or	ecx, [edx + TD_AST]
	or	ecx, [esp + TF_ERR]
	jnz	slow
	USER_SEGMENTS
	mov	edi, [esp + TF_EDI]
	mov	esi, [esp + TF_ESI]
	mov	ebp, [esp + TF_EBP]
	mov	ebx, [esp + TF_EBX]
	mov	eax, [esp + TF_EAX]
	mov	edx, [esp + TF_EIP]
	mov	ecx, [esp + UF_ESP]
	sti				; from after SYSEXIT on
	global	user_sysexit
user_sysexit:
	sysexit

; Where `anywhere' goes on with what came just before SYSEXIT: the frame is
; whole, and ESP points to it.
	global	user_exit_again
user_exit_again:
	KERNEL_SEGMENTS
	jmp	leave

; user_go(frame, top): goes to ring 3 for the first time, with a copy of the
; frame at the top of the kernel stack.  The stack's frames there end here, and
; the one that is copied is one of the last, below the copy: copied from the end
; down, with ESP below both until it is done, so that an NMI does no harm.
; Interrupts are off.
	global	user_go
user_go:
	mov	ecx, UF_SIZE
.copy:
	mov	ebx, [eax + ecx - 4]
	mov	[edx - UF_SIZE + ecx - 4], ebx
	sub	ecx, 4
	jnz	.copy
	lea	esp, [edx - UF_SIZE]
	xor	ebp, ebp
slow:
	mov	eax, esp
	call	user_finish

; Back to ring 3 with all registers, of the frame that ESP points to.
; Interrupts are off until IRET loads EFLAGS.  IRET cannot fault: user_finish()
; has seen to EFLAGS, and the selectors came from ring 3 or are constants.
	global	user_return
user_return:
	USER_SEGMENTS
	popa
	add	esp, 8
	iret

	section .note.GNU-stack noalloc noexec nowrite progbits
