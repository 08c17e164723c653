; SPDX-License-Identifier: BSD-2-Clause
; Copyright (c) 2026 The mayfly authors
;
; The ways into the personality and out of it: from the kernel at the start,
; from a program's calls, from upcalls; and to the kernel.
;
; A program's registers are kept in a struct regs at the top of the stack of its
; struct thread (user/proc.h), which %fs selects.  `busy' in the thread block is
; not 0 for as long as that stack is used.

bits 32

; Offsets in struct thread.
BUSY	equ 4
PENDING	equ 8
REASON	equ 12
BEIP	equ 16
BEFLAGS	equ 20
TOP	equ 28
UESP	equ 32
UEIP	equ 36
SCRATCH	equ 40
; struct regs.
R_EAX	equ 28
R_EIP	equ 32
R_EFLAGS equ 36
R_ESP	equ 40
R_SIZE	equ 44

CALL_THREAD_EXIT equ 2
CALL_VECTOR equ 0x81
BOOT_BLOCK equ 0x7fff0000
BOOT_SYSENTER equ 1
UPCALL_NOTE equ 2
THREAD_SIZE equ 16384
THREAD_ROOM equ 256

extern main, perform, upcall, notes_came, upcall_again, thread_main, areas

section .text

; The first instruction of the first task.
global start
start:
	cld
	xor ebp, ebp
	mov esp, areas + THREAD_SIZE - THREAD_ROOM
	fxsave [fpu_initial]
	test byte [BOOT_BLOCK], BOOT_SYSENTER
	jz .main
	mov dword [gate], gate_sysenter
.main:
	call main
	ud2

; int native_raw(eax, ebx, esi, edi, ebp, struct results *)
global native_raw
native_raw:
	push ebp
	push ebx
	push esi
	push edi
	mov eax, [esp + 20]
	mov ebx, [esp + 24]
	mov esi, [esp + 28]
	mov edi, [esp + 32]
	mov ebp, [esp + 36]
	call [gate]
	mov ecx, [esp + 40]
	test ecx, ecx
	jz .done
	mov [ecx], ebx
	mov [ecx + 4], esi
.done:
	pop edi
	pop esi
	pop ebx
	pop ebp
	ret

; A call with its registers loaded.
gate_sysenter:
	mov ecx, esp
	mov edx, .back
	sysenter
.back:
	ret
gate_int:
	int CALL_VECTOR
	ret

; The target of `call *%gs:0x10': EAX is the number of a Linux call.
global linux_entry
linux_entry:
	mov dword [fs:BUSY], 1
	mov [fs:UESP], esp
	mov esp, [fs:TOP]
	push dword [fs:UESP]
	pushfd
	cld
	sub esp, 4
	pushad
	mov edx, [esp + R_ESP]
	mov ecx, [edx]
	mov [esp + R_EIP], ecx
	add dword [esp + R_ESP], 4
	mov eax, esp
	call perform
	; fall through

; Back to the program with the registers in the struct regs at the stack's top.
;
; From `busy' = 0 on a note may come.  As long as the last jump is not made, the
; struct regs is whole: upcall_entry takes it, and nothing of what this path has
; loaded.
back:
	mov eax, [esp + R_EIP]
	mov [fs:UEIP], eax
	mov dword [fs:BUSY], 0
.window:
	cmp dword [fs:PENDING], 0
	jne .more
	popad
	add esp, 4
	popfd
	pop esp
	jmp dword [fs:UEIP]
.more:
	mov dword [fs:BUSY], 1
.end:
	mov eax, esp
	call notes_came
	jmp back

; The kernel comes here with the program's registers, but for EIP and EFLAGS,
; which are in the thread block.  It has set `busy'.
global upcall_entry
upcall_entry:
	cmp dword [fs:REASON], UPCALL_NOTE
	jne .save
	mov [fs:SCRATCH], eax
	mov eax, [fs:BEIP]
	sub eax, back.window
	cmp eax, back.end - back.window
	jb .again
	mov eax, [fs:SCRATCH]
.save:
	mov [fs:UESP], esp
	mov esp, [fs:TOP]
	push dword [fs:UESP]
	push dword [fs:BEFLAGS]
	push dword [fs:BEIP]
	pushad
	cld
	mov eax, esp
	call upcall
	jmp back
.again:
	mov esp, [fs:TOP]
	sub esp, R_SIZE
	cld
	mov eax, esp
	call upcall_again
	jmp back

; void go(const struct regs *): to the program with these registers.
global go
go:
	mov esi, eax
	mov esp, [fs:TOP]
	sub esp, R_SIZE
	mov edi, esp
	mov ecx, R_SIZE / 4
	cld
	rep movsd
	jmp back

; The first instruction of another thread: EBX is not used; the stack pointer is
; at a struct regs at the top of its stack, as thread.c has laid it out.
global thread_entry
thread_entry:
	mov eax, esp
	call thread_main
	jmp back

; void exec_on_stack(void (*f)(void)): f with an empty stack.
global exec_on_stack
exec_on_stack:
	mov esp, [fs:TOP]
	call eax
	ud2

; void thread_leave(volatile uint8_t *used): gives the stack away, then ends
; the thread without it.
global thread_leave
thread_leave:
	mov byte [eax], 0
	mov eax, CALL_THREAD_EXIT
	cmp dword [gate], gate_int
	je .int
	xor ecx, ecx
	mov edx, .int
	sysenter
.int:
	int CALL_VECTOR
	ud2

global fpu_save
fpu_save:
	fxsave [eax]
	ret

global fpu_restore
fpu_restore:
	fxrstor [eax]
	ret

; What a handler returns to if its action has no SA_RESTORER.
global sigreturn_code
sigreturn_code:
	pop eax
	mov eax, 119
	call linux_entry
	ud2
global rt_sigreturn_code
rt_sigreturn_code:
	mov eax, 173
	call linux_entry
	ud2

section .data
gate:	dd gate_int

section .bss
alignb 16
global fpu_initial
fpu_initial:
	resb 512

section .note.GNU-stack noalloc noexec nowrite progbits
