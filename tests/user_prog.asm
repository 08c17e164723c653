; SPDX-License-Identifier: BSD-2-Clause
;
; Programs for ring 3 that tests/task_test.c runs: position-independent code,
; mapped at PROG_TEXT, with a page of zeros at PROG_DATA, to which EBP points.
; Each ends with exit status 0, or with the number of the step that failed.

%define PROG_DATA	0x20000
%define UPCALL_ENTRY	(0x10000 + (handler - prog_start))

; The numbers of sys/abi/call.h; task_test.c compares these.
%define THREAD_SELF	0
%define EXIT		1
%define THREAD_EXIT	2
%define THREAD_CREATE	3
%define THREAD_CTL	4
%define TASK_FORK	5
%define TASK_KILL	6
%define TASK_STATUS	7
%define MEM_CREATE	8
%define MEM_MAP		9
%define MEM_UNMAP	10
%define MEM_PROTECT	11
%define MEM_READ	12
%define MEM_WRITE	13
%define MEM_SIZE	14
%define CHAN_CREATE	15
%define CHAN_WRITE	16
%define CHAN_READ	17
%define CHAN_CALL	18
%define CHAN_SENDMEM	19
%define CHAN_CTL	20
%define HANDLE_DUP	21
%define HANDLE_CLOSE	22
%define WAIT		23
%define FUTEX_WAIT	24
%define FUTEX_WAKE	25
%define CLOCK_GET	26
	global	prog_ncalls
prog_ncalls	equ 27

%define EPERM	1
%define EINTR	4
%define EBADF	9
%define EACCES	13
%define EFAULT	14
%define EINVAL	22
%define EPIPE	32
%define EAGAIN	35
%define ETIMEDOUT 60
%define ENOSYS	78

; call NR, EBX, ESI, EDI, EBP, handle: a call by INT 0x81.  EBP is restored.
%macro call6 6
	push	ebp
	push	dword %2
	push	dword %3
	push	dword %4
	push	dword %5
	mov	eax, %6
	shl	eax, 8
	or	eax, %1
	pop	ebp
	pop	edi
	pop	esi
	pop	ebx
	int	0x81
	pop	ebp
%endmacro

; expect VALUE, STEP: EAX has this value, or the program ends with the step.
%macro expect 2
	cmp	eax, %1
	mov	edx, %2
	jne	near prog_fail
%endmacro
; expect_not SIGN: EAX is no error.
%macro expect_good 1
	test	eax, eax
	mov	edx, %1
	js	near prog_fail
%endmacro
%macro exit 1
	call6	EXIT, %1, 0, 0, 0, 0
	hlt
%endmacro
%macro program 1
	global	prog_%1
prog_%1:
	mov	ebp, PROG_DATA
%endmacro

	section .rodata
	global	prog_start, prog_end
	align	16
prog_start:

prog_fail:
	call6	EXIT, edx, 0, 0, 0, 0
	hlt

program exit
	exit	42

; A call that there is not; the numbers of the first thread and of its task.
program numbers
	call6	THREAD_SELF, 0, 0, 0, 0, 0
	expect	ebx, 1
	call6	prog_ncalls, 0, 0, 0, 0, 0
	expect	-ENOSYS, 2
	call6	255, 0, 0, 0, 0, 0
	expect	-ENOSYS, 3
	exit	0

; By SYSENTER; the registers that it promises to keep.
program sysenter
	mov	eax, THREAD_SELF
	mov	esi, 0x11111111
	mov	edi, 0x22222222
	mov	ecx, esp
	call	.next
.next:
	pop	edx
	add	edx, .back - .next
	mov	ecx, esp
	sysenter
.back:
	expect	ebx, 1
	mov	eax, esi
	expect	0x11111111, 2
	mov	eax, edi
	expect	0x22222222, 3
	mov	eax, ebp
	expect	PROG_DATA, 4
	exit	0

; Memory: any address, zeros, two rights at a time, no address above 2 GiB.
program memory
	call6	MEM_MAP, 0, 0x2000, 0, 3, 0
	expect_good 1
	mov	[ebp], eax
	mov	edi, eax
	mov	eax, [edi + 0x1ffc]
	expect	0, 2
	mov	dword [edi + 0x1ffc], 0x12345678
	call6	MEM_PROTECT, [ebp], 0x2000, 1, 0, 0
	expect	0, 3
	mov	edi, [ebp]
	mov	eax, [edi + 0x1ffc]
	expect	0x12345678, 4
	call6	MEM_PROTECT, [ebp], 0x2000, 6, 0, 0
	expect	-EACCES, 5
	call6	MEM_MAP, 0, 0x1000, 0, 7, 0
	expect	-EACCES, 6
	call6	MEM_MAP, 0x80000000, 0x1000, 0, 0x41, 0
	cmp	eax, 0
	mov	edx, 7
	jge	near prog_fail
	call6	MEM_MAP, 0x7ffff000, 0x2000, 0, 0x41, 0
	cmp	eax, 0
	mov	edx, 8
	jge	near prog_fail
	call6	MEM_UNMAP, [ebp], 0x2000, 0, 0, 0
	expect	0, 9
	exit	0

; An object by its handle: size, write, read, map, rights.
program object
	call6	MEM_CREATE, 3, 0, 0, 0, 0
	expect_good 1
	mov	[ebp], eax
	call6	MEM_SIZE, 0, 0, 0, 0, [ebp]
	mov	eax, ebx
	expect	0x3000, 2
	mov	dword [ebp + 16], 'abcd'
	lea	eax, [ebp + 16]
	call6	MEM_WRITE, eax, 4, 0x1000, 0, [ebp]
	expect	4, 3
	lea	eax, [ebp + 32]
	call6	MEM_READ, eax, 8, 0x0ffe, 0, [ebp]
	expect	8, 4
	mov	eax, [ebp + 34]
	expect	'abcd', 5
	lea	eax, [ebp + 32]
	call6	MEM_READ, eax, 8, 0x2ffc, 0, [ebp]
	expect	4, 6
	call6	MEM_MAP, 0, 0x1000, 1, 3, [ebp]
	expect_good 7
	mov	eax, [eax]
	expect	'abcd', 8
	call6	HANDLE_DUP, 1, 0, 0, 0, [ebp]
	expect_good 9
	mov	[ebp + 4], eax
	lea	eax, [ebp + 16]
	call6	MEM_WRITE, eax, 4, 0, 0, [ebp + 4]
	expect	-EPERM, 10
	call6	MEM_MAP, 0, 0x1000, 0, 3, [ebp + 4]
	expect	-EACCES, 11
	call6	MEM_MAP, 0, 0x1000, 0, 5, [ebp + 4]
	expect	-EACCES, 12
	call6	HANDLE_DUP, 1, 0, 0, 0, [ebp + 4]
	expect	-EPERM, 13
	call6	HANDLE_CLOSE, 0, 0, 0, 0, [ebp]
	expect	0, 14
	call6	MEM_SIZE, 0, 0, 0, 0, [ebp]
	expect	-EBADF, 15
	exit	0

; A stream: bytes, end of file, EPIPE, EAGAIN.
program stream
	call6	CHAN_CREATE, 0, 0, 0, 0, 0
	expect_good 1
	mov	[ebp], eax
	mov	[ebp + 4], ebx
	lea	eax, [ebp + 64]
	call6	CHAN_READ, eax, 16, 1, 0, [ebp + 4]
	expect	-EAGAIN, 2
	mov	dword [ebp + 16], 'abcd'
	lea	eax, [ebp + 16]
	call6	CHAN_WRITE, eax, 4, 0, 0, [ebp]
	expect	4, 3
	call6	CHAN_CTL, 0, 0, 0, 0, [ebp + 4]
	expect	4, 4
	lea	eax, [ebp + 64]
	call6	CHAN_READ, eax, 16, 0, 0, [ebp + 4]
	expect	4, 5
	mov	eax, [ebp + 64]
	expect	'abcd', 6
	call6	HANDLE_CLOSE, 0, 0, 0, 0, [ebp]
	expect	0, 7
	lea	eax, [ebp + 64]
	call6	CHAN_READ, eax, 16, 0, 0, [ebp + 4]
	expect	0, 8
	call6	CHAN_WRITE, ebp, 4, 0, 0, [ebp + 4]
	expect	-EPIPE, 9
	exit	0

; A message with a handle: the other end of the channel that it travels on is
; no good for that, so an object.
program message
	call6	CHAN_CREATE, 1, 0, 0, 0, 0
	expect_good 1
	mov	[ebp], eax
	mov	[ebp + 4], ebx
	call6	MEM_CREATE, 5, 0, 0, 0, 0
	expect_good 2
	mov	dword [ebp + 16], 1	; struct chan_handles
	mov	[ebp + 20], eax
	mov	[ebp + 8], eax
	lea	eax, [ebp + 16]
	call6	CHAN_WRITE, ebp, 4, 0, eax, [ebp]
	expect	4, 3
	call6	HANDLE_CLOSE, 0, 0, 0, 0, [ebp + 8]
	expect	0, 4
	lea	eax, [ebp + 64]
	lea	edx, [ebp + 128]
	call6	CHAN_READ, edx, 16, 0, eax, [ebp + 4]
	expect	4, 5
	mov	eax, [ebp + 64]
	expect	1, 6
	call6	MEM_SIZE, 0, 0, 0, 0, [ebp + 68]
	expect	0, 7
	mov	eax, ebx
	expect	0x5000, 8
	exit	0

; The child has a copy of the memory and of the handles, and its end is told.
program fork
	mov	dword [ebp], 1
	call6	TASK_FORK, 0, 0, 0, 0, 0
	expect_good 1
	jz	.child
	mov	[ebp + 4], eax
	mov	[ebp + 16], eax		; struct wait_item
	mov	dword [ebp + 20], 4	; WAIT_EXIT
	lea	eax, [ebp + 16]
	call6	WAIT, eax, 1, -1, -1, 0
	expect	1, 2
	movzx	eax, word [ebp + 22]
	expect	4, 3
	call6	TASK_STATUS, 0, 0, 0, 0, [ebp + 4]
	expect	0, 4
	mov	eax, ebx
	expect	7, 5
	mov	eax, [ebp]
	expect	1, 6
	exit	0
.child:
	mov	dword [ebp], 2
	exit	7

; Each child forks another one, and its parent ends.
program fork_chain
.next:
	call6	TASK_FORK, 0, 0, 0, 0, 0
	expect_good 1
	jz	.next
	exit	0

; Two threads: one waits for a word until the other changes it.
program futex
	mov	edi, PROG_DATA + 0x800	; the other's stack
	mov	eax, 0x10000 + (.other - prog_start)
	call6	THREAD_CREATE, eax, edi, 0, 0, 0
	expect_good 1
	call6	FUTEX_WAIT, ebp, 1, -1, -1, 0
	expect	-EAGAIN, 2
.again:
	call6	FUTEX_WAIT, ebp, 0, -1, -1, 0
	cmp	dword [ebp], 0
	je	.again
	mov	eax, [ebp]
	expect	5, 3
	call6	FUTEX_WAIT, ebp, 5, 1, 0, 0
	expect	-ETIMEDOUT, 4
	lea	eax, [ebp + 2]
	call6	FUTEX_WAIT, eax, 0, -1, -1, 0
	expect	-EINVAL, 5
	exit	0
.other:
	mov	ebp, PROG_DATA
	call6	WAIT, 0, 0, 1, 0, 0
	mov	dword [ebp], 5
	call6	FUTEX_WAKE, ebp, 10, 0, 0, 0
	call6	THREAD_EXIT, 0, 0, 0, 0, 0
	hlt

; A sleep of 20 ms takes at least as long.
program sleep
	call6	CLOCK_GET, 0, 0, 0, 0, 0
	expect	0, 1
	mov	edi, ebx
	add	edi, 20000000
	adc	esi, 0
	mov	[ebp], edi
	mov	[ebp + 4], esi
	call6	WAIT, 0, 0, [ebp], [ebp + 4], 0
	expect	0, 2
	call6	CLOCK_GET, 0, 0, 0, 0, 0
	sub	ebx, [ebp]
	sbb	esi, [ebp + 4]
	mov	edx, 3
	jb	near prog_fail
	exit	0

; INT 0x80 goes to the upcall entry, and so does a note to the task itself.
program upcall
	lea	eax, [ebp + 256]
	mov	edx, UPCALL_ENTRY
	call6	THREAD_CTL, 1, eax, edx, 0, 0
	expect	0, 1
	mov	eax, 0x1234
	int	0x80
	expect	0x1234, 2
	cmp	dword [ebp], 1		; UPCALL_INT80
	mov	edx, 3
	jne	near prog_fail
	call6	TASK_KILL, 5, 0, 0, 0, 1
	expect	0, 4
	mov	eax, [ebp]
	expect	2, 5			; UPCALL_NOTE
	mov	eax, [ebp + 4]
	expect	1 << 5, 6
	; Masked, it waits; then a sleep is not interrupted.
	call6	THREAD_CTL, 2, 1 << 6, 0, 0, 0
	expect	0, 7
	mov	dword [ebp], 0
	call6	TASK_KILL, 6, 0, 0, 0, 1
	mov	eax, [ebp]
	expect	0, 8
	call6	WAIT, 0, 0, 1, 0, 0
	expect	0, 9
	call6	THREAD_CTL, 2, 0, 0, 0, 0
	expect	1 << 6, 10
	mov	eax, [ebp]
	expect	2, 11
	; Busy: `pending' is set, sleeps end, THREAD_NOTES takes it.
	mov	dword [ebp], 0
	mov	dword [ebp + 256 + 4], 1
	call6	TASK_KILL, 7, 0, 0, 0, 1
	mov	eax, [ebp]
	expect	0, 12
	mov	eax, [ebp + 256 + 8]
	expect	1, 13
	call6	WAIT, 0, 0, -1, -1, 0
	expect	-EINTR, 14
	call6	THREAD_CTL, 4, 0, 0, 0, 0
	expect	1 << 7, 15
	call6	WAIT, 0, 0, 1, 0, 0
	expect	0, 16
	exit	0

; The upcall entry: notes reason and arg, and goes on where the thread was.
handler:
	push	eax
	push	ebp
	mov	ebp, PROG_DATA
	mov	eax, [ebp + 256 + 12]
	mov	[ebp], eax
	mov	eax, [ebp + 256 + 24]
	mov	[ebp + 4], eax
	mov	dword [ebp + 256 + 4], 0
	pop	ebp
	push	dword [PROG_DATA + 256 + 16]
	mov	eax, [esp + 4]
	ret	4

program read_null
	mov	eax, [0]
program read_kernel
	mov	eax, [0x80100000]
program write_text
	call	.next
.next:	pop	eax
	mov	[eax], eax
program run_data
	mov	byte [ebp], 0xc3
	call	ebp
	exit	0
program privileged
	cli
program divide
	xor	ecx, ecx
	xor	edx, edx
	div	ecx
program int80
	int	0x80

; These do not end by themselves.
program spin
	jmp	$
program sleeper
	call6	WAIT, 0, 0, -1, -1, 0
	exit	1
program reader
	call6	CHAN_CREATE, 0, 0, 0, 0, 0
	mov	[ebp], eax
	lea	edx, [ebp + 16]
	call6	CHAN_READ, edx, 16, 0, 0, [ebp]
	exit	1
program writer
	call6	CHAN_CREATE, 0, 0, 0, 0, 0
	mov	[ebp], eax
.more:
	call6	CHAN_WRITE, 0x10000, 0x1000, 0, 0, [ebp]
	test	eax, eax
	jns	.more
	exit	1
program waiter
	call6	FUTEX_WAIT, ebp, 0, -1, -1, 0
	exit	1
; Four threads that do nothing but enter the kernel.
program threads
	mov	dword [ebp], 4
.more:
	mov	eax, 0x10000 + (.loop - prog_start)
	call6	THREAD_CREATE, eax, 0x20800, 0, 0, 0
	dec	dword [ebp]
	jnz	.more
.loop:
	mov	eax, THREAD_SELF
	int	0x81
	jmp	.loop

; Calls with arguments at random, from EAX's seed, until one in 2,000 is made.
; Never EXIT, THREAD_EXIT, CHAN_CALL, WAIT, FUTEX_WAIT nor a fork; reads and
; writes do not sleep by CHAN_NONBLOCK.
; What it keeps is in the page of the stack, which no buffer that it names reaches.
program random
	mov	ebp, 0x3f000
	mov	[ebp + 0x400], eax
	mov	dword [ebp + 0x404], 2000
.again:
	call	.word
	mov	[ebp + 0x408], eax
	call	.word
	mov	[ebp + 0x40c], eax
	call	.word
	mov	[ebp + 0x410], eax
	call	.word
	mov	[ebp + 0x414], eax
	call	.next
	xor	edx, edx
	mov	ecx, prog_ncalls
	div	ecx
	mov	ecx, 1
	xchg	ecx, edx
	shl	edx, cl
	test	edx, 1 << EXIT | 1 << THREAD_EXIT | 1 << CHAN_CALL | \
		1 << WAIT | 1 << FUTEX_WAIT | 1 << TASK_FORK | \
		1 << THREAD_CREATE | 1 << TASK_KILL | 1 << THREAD_CTL
	jnz	.again
	test	edx, 1 << CHAN_WRITE | 1 << CHAN_READ
	jz	.flags
	mov	dword [ebp + 0x410], 1
.flags:
	test	edx, 1 << CHAN_SENDMEM
	jz	.nosend
	and	dword [ebp + 0x408], 0xff
	or	dword [ebp + 0x408], 1 << 24
.nosend:
	test	edx, 1 << MEM_MAP | 1 << MEM_UNMAP | 1 << MEM_PROTECT
	jz	.nomap
	; Not over the program itself.
	and	dword [ebp + 0x408], 0x7f0ff000
	or	dword [ebp + 0x408], 0x01000000
	and	dword [ebp + 0x40c], 0x000ff000
	and	dword [ebp + 0x414], 0x77
.nomap:
	call	.next
	and	eax, 15
	shl	eax, 8
	or	eax, ecx
	push	ebp
	mov	ebx, [ebp + 0x408]
	mov	esi, [ebp + 0x40c]
	mov	edi, [ebp + 0x410]
	mov	ebp, [ebp + 0x414]
	int	0x81
	pop	ebp
	dec	dword [ebp + 0x404]
	jnz	.again
	exit	0
; A word: of some that are more interesting, or any.
.word:
	call	.next
	mov	edx, eax
	and	edx, 7
	lea	edx, [edx * 4]
	call	.table
	dd	0, 1, 0x10000, PROG_DATA, 0x80000000, 0xfffff000, 0x1000, -1
.table:
	pop	ecx
	mov	edx, [ecx + edx]
	test	eax, 0x100
	jz	.small
	mov	eax, edx
	ret
.small:
	test	eax, 0x200
	jz	.any
	shr	eax, 24
.any:
	ret
.next:
	mov	eax, [ebp + 0x400]
	imul	eax, eax, 1664525
	add	eax, 1013904223
	mov	[ebp + 0x400], eax
	rol	eax, 16
	ret


; Buffers that wrap, leave user space or have nothing mapped, for every call that
; takes one, at each of its arguments that may name it.
program hostile
	call6	CHAN_CREATE, 1, 0, 0, 0, 0
	expect_good 1
	mov	[ebp], eax
	mov	[ebp + 4], ebx
	call6	MEM_CREATE, 4, 0, 0, 0, 0
	expect_good 2
	mov	[ebp + 8], eax
	call6	CHAN_WRITE, ebp, 16, 0, 0, [ebp + 4]
	expect	16, 3
	mov	dword [ebp + 12], 0
.again:
	call	.table
	dd	0x7ffff000, 0x2000, 0x80000000, 16, 0xfffffff0, 0x20
	dd	0x50000000, 16, 0x60000000, 0x2000, 0xffffffff, 0xffffffff
	dd	0x10000, 16		; only its reads are bad
.table:
	pop	ecx
	mov	eax, [ebp + 12]
	mov	edx, [ecx + eax * 8]
	mov	[ebp + 16], edx
	mov	edx, [ecx + eax * 8 + 4]
	mov	[ebp + 20], edx
	call6	MEM_READ, [ebp + 16], [ebp + 20], 0, 0, [ebp + 8]
	expect	-EFAULT, 4
	call6	CHAN_READ, [ebp + 16], [ebp + 20], 0, 0, [ebp]
	expect	-EFAULT, 5
	call6	CHAN_READ, ebp, 0x100, 1, [ebp + 16], [ebp]
	expect	-EFAULT, 6
	call6	WAIT, [ebp + 16], 2, 0, 0, 0
	cmp	eax, 0
	mov	edx, 7
	jge	near prog_fail
	cmp	dword [ebp + 12], 6
	je	.done
	call6	MEM_WRITE, [ebp + 16], [ebp + 20], 0, 0, [ebp + 8]
	expect	-EFAULT, 8
	call6	CHAN_WRITE, [ebp + 16], [ebp + 20], 0, 0, [ebp]
	expect	-EFAULT, 9
	call6	CHAN_WRITE, ebp, 16, 0, [ebp + 16], [ebp]
	expect	-EFAULT, 10
	call6	CHAN_CALL, [ebp + 16], [ebp + 20], ebp, 16, [ebp]
	expect	-EFAULT, 11
	call6	FUTEX_WAKE, [ebp + 16], 1, 0, 0, 0
	cmp	eax, 0
	mov	edx, 12
	jge	near prog_fail
	call6	FUTEX_WAIT, [ebp + 16], 0, 1, 0, 0
	cmp	eax, 0
	mov	edx, 13
	jge	near prog_fail
	inc	dword [ebp + 12]
	jmp	.again
.done:
	; Nothing of that has taken the message.
	call6	CHAN_READ, ebp, 0x100, 1, 0, [ebp]
	expect	16, 14
	exit	0

; Handles that are none, or of another kind, for every call that takes one.
program handles
	call6	MEM_CREATE, 4, 0, 0, 0, 0
	expect_good 1
	mov	[ebp], eax
	mov	edi, MEM_READ
.next:
	mov	eax, edi
	cmp	eax, WAIT
	jae	.done
	mov	[ebp + 4], edi
	mov	ecx, edi
	mov	edx, 1
	shl	edx, cl
	test	edx, 1 << MEM_READ | 1 << MEM_WRITE | 1 << MEM_SIZE | \
		1 << CHAN_WRITE | 1 << CHAN_READ | 1 << CHAN_CALL | \
		1 << CHAN_SENDMEM | 1 << HANDLE_DUP | \
		1 << HANDLE_CLOSE
	jz	.skip
	call6	[ebp + 4], ebp, 16, 0, 0, 0xffffff
	expect	-EBADF, 2
	call6	[ebp + 4], ebp, 16, 0, 0, 0
	expect	-EBADF, 3
	mov	ecx, [ebp + 4]
	mov	edx, 1
	shl	edx, cl
	test	edx, 1 << HANDLE_DUP | 1 << HANDLE_CLOSE
	jnz	.skip
	call6	[ebp + 4], ebp, 16, 0, 0, 1	; its own task
	expect	-EBADF, 4
.skip:
	mov	edi, [ebp + 4]
	inc	edi
	jmp	.next
.done:
	call6	CHAN_CTL, 0, 0, 0, 0, [ebp]
	expect	-EBADF, 15
	call6	CHAN_CTL, 3, 0, 0, 0, [ebp]
	expect	-EINVAL, 16
	call6	TASK_KILL, 5, 0, 0, 0, [ebp]
	expect	-EBADF, 5
	call6	TASK_KILL, 32, 0, 0, 0, 1
	expect	-EINVAL, 6
	call6	TASK_KILL, 0, 0, 0, 0, 1
	expect	-EINVAL, 7
	call6	HANDLE_CLOSE, 0, 0, 0, 0, 1
	expect	-EPERM, 8
	call6	EXIT, 0x500, 0, 0, 0, 0
	expect	-EINVAL, 9
	call6	THREAD_CREATE, 0x80100000, 0, 0, 0, 0
	expect	-EFAULT, 10
	call6	THREAD_CTL, 0, 0x80100000, 0, 0, 0
	expect	-EINVAL, 11
	call6	THREAD_CTL, 1, 0x80100000, 0x10000, 0, 0
	expect	-EINVAL, 12
	call6	THREAD_CTL, 1, PROG_DATA, 0x80100000, 0, 0
	expect	-EINVAL, 13
	call6	THREAD_CTL, 3, 12345678, 0, 0, 0
	cmp	eax, 0
	mov	edx, 14
	jge	near prog_fail
	exit	0

; Both ends are closed while a thread sleeps in a read of one: end of file.
program closed
	call6	CHAN_CREATE, 0, 0, 0, 0, 0
	expect_good 1
	mov	[ebp], eax
	mov	[ebp + 4], ebx
	mov	eax, 0x10000 + (.other - prog_start)
	call6	THREAD_CREATE, eax, PROG_DATA + 0x800, 0, 0, 0
	expect_good 2
	lea	eax, [ebp + 16]
	call6	CHAN_READ, eax, 16, 0, 0, [ebp]
	cmp	eax, -EBADF		; if it came late
	je	.done
	expect	0, 3
.done:
	exit	0
.other:
	mov	ebp, PROG_DATA
	call6	THREAD_CTL, 2, -1, 0, 0, 0
	call6	HANDLE_CLOSE, 0, 0, 0, 0, [ebp]
	call6	HANDLE_CLOSE, 0, 0, 0, 0, [ebp + 4]
	call6	THREAD_EXIT, 0, 0, 0, 0, 0
	hlt

; One thread unmaps and maps a buffer again that another one's calls use.
program unmapped
	call6	MEM_CREATE, 16, 0, 0, 0, 0
	expect_good 1
	mov	[ebp], eax
	mov	eax, 0x10000 + (.other - prog_start)
	call6	THREAD_CREATE, eax, PROG_DATA + 0x800, 0, 0, 0
	expect_good 2
	mov	dword [ebp + 8], 300
.again:
	call6	MEM_MAP, 0x1000000, 0x10000, 0, 0x43, 0
	expect	0x1000000, 3
	call6	MEM_UNMAP, 0x1000000, 0x10000, 0, 0, 0
	expect	0, 4
	dec	dword [ebp + 8]
	jnz	.again
	exit	0
.other:
	mov	ebp, PROG_DATA
	call6	CHAN_CREATE, 0, 0, 0, 0, 0
	mov	[ebp + 16], eax
	mov	[ebp + 20], ebx
.loop:
	call6	MEM_WRITE, 0x1000000, 0x10000, 0, 0, [ebp]
	call6	MEM_READ, 0x1000000, 0x10000, 0, 0, [ebp]
	call6	CHAN_WRITE, 0x1000000, 0x8000, 1, 0, [ebp + 16]
	call6	CHAN_READ, 0x1000000, 0x8000, 1, 0, [ebp + 20]
	jmp	.loop

; A thread reads into a page, by small pieces, while the task forks: each byte
; arrives in the parent's page, whatever the children do with theirs.
program fork_read
	call6	CHAN_CREATE, 0, 0, 0, 0, 0
	expect_good 1
	mov	[ebp], eax
	mov	[ebp + 4], ebx
	mov	eax, 0x10000 + (.other - prog_start)
	call6	THREAD_CREATE, eax, PROG_DATA + 0x400, 0, 0, 0
	expect_good 2
	mov	dword [ebp + 8], 8
.again:
	call6	TASK_FORK, 0, 0, 0, 0, 0
	expect_good 3
	jz	.child
	mov	[ebp + 16], eax
	mov	dword [ebp + 20], 4
	lea	eax, [ebp + 16]
	call6	WAIT, eax, 1, -1, -1, 0
	expect	1, 4
	call6	HANDLE_CLOSE, 0, 0, 0, 0, [ebp + 16]
	dec	dword [ebp + 8]
	jnz	.again
	mov	dword [ebp + 12], 1	; the writer is to stop
.wait:
	cmp	dword [ebp + 12], 2
	jne	.wait
	exit	0
.child:
	mov	dword [ebp + 0xc00], 0x55555555
	mov	dword [ebp + 0xc04], 0x55555555
	exit	0
.other:
	mov	ebp, PROG_DATA
	xor	edi, edi
.loop:
	inc	edi
	mov	[ebp + 0xb00], edi
	mov	[ebp + 0xb04], edi
	push	edi
	lea	eax, [ebp + 0xb00]
	call6	CHAN_WRITE, eax, 8, 0, 0, [ebp]
	expect	8, 5
	lea	eax, [ebp + 0xc00]
	call6	CHAN_READ, eax, 8, 0, 0, [ebp + 4]
	expect	8, 6
	pop	edi
	mov	eax, [ebp + 0xc00]
	expect	edi, 7
	mov	eax, [ebp + 0xc04]
	expect	edi, 8
	cmp	dword [ebp + 12], 0
	je	.loop
	mov	dword [ebp + 12], 2
	call6	THREAD_EXIT, 0, 0, 0, 0, 0
	hlt

; A thread waits for a word, the task forks, and the parent changes the word: that
; may not move the word to a page that the waiter does not know.
program futex_fork
	mov	eax, 0x10000 + (.other - prog_start)
	call6	THREAD_CREATE, eax, PROG_DATA + 0x800, 0, 0, 0
	expect_good 1
	call	.nap
	call6	TASK_FORK, 0, 0, 0, 0, 0
	expect_good 2
	jz	.child
	mov	[ebp + 8], eax
	mov	dword [ebp], 1
	call6	FUTEX_WAKE, ebp, 10, 0, 0, 0
	expect	1, 3
	call6	TASK_KILL, 9, 0, 0, 0, [ebp + 8]
	expect	0, 4
	mov	eax, [ebp + 8]
	mov	[ebp + 16], eax
	mov	dword [ebp + 20], 4
	lea	eax, [ebp + 16]
	call6	WAIT, eax, 1, -1, -1, 0
	call6	TASK_STATUS, 0, 0, 0, 0, [ebp + 8]
	mov	eax, ebx
	expect	0x109, 5
	exit	0
.child:
	call6	WAIT, 0, 0, -1, -1, 0
	hlt
.other:
	mov	ebp, PROG_DATA
	call6	FUTEX_WAIT, ebp, 0, -1, -1, 0
	call6	THREAD_EXIT, 0, 0, 0, 0, 0
	hlt
; 30 ms, in which the other thread goes to sleep.
.nap:
	call6	CLOCK_GET, 0, 0, 0, 0, 0
	add	ebx, 30000000
	adc	esi, 0
	call6	WAIT, 0, 0, ebx, esi, 0
	ret

prog_end:

	section .note.GNU-stack noalloc noexec nowrite progbits
