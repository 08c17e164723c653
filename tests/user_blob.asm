; SPDX-License-Identifier: BSD-2-Clause
;
; Programs of ring 3 for user_test.c, which copies them to CODE, gives them a
; page of data at DATA, and numbers the calls that they make.  Each begins with
; EBP 0.  Where an instruction is expected to fault, EBP has the address to go
; on at.

CODE	equ	0x400000
DATA	equ	0x500000
STACK	equ	DATA + 0x1000

; In the page of data.  user_test.c has the offsets as well.
BY_INT	equ	DATA + 0x00		; not 0: calls are by INT
COUNT	equ	DATA + 0x04
FLAG	equ	DATA + 0x08
AFTER	equ	DATA + 0x10		; 9 words: registers after the call
IMAGE	equ	DATA + 0x200		; for FXRSTOR
BEFORE	equ	DATA + 0x400		; of FXSAVE
NOW	equ	DATA + 0x800
IMAGE_WORDS equ	288 / 4

C_EXIT	equ	0
C_ECHO	equ	1
C_FULL	equ	2
C_YIELD	equ	3
C_NULL	equ	4
C_BAD	equ	5
C_TLS	equ	6
C_BLOCK	equ	7

EFLAGS_TF equ	0x100
EFLAGS_DF equ	0x400
EFLAGS_NT equ	0x4000
EFLAGS_AC equ	0x40000

INT_CALL equ	0x81

	section .rodata
	align	16
	global	blob, blob_end
blob:

; The address at run time.
%define AT(label) (CODE + (label) - blob)

%macro	PROGRAM 1
	global	blob_%1
blob_%1:
%endmacro

; A call, by the way that the page of data says.
%macro	KCALL 1
	mov	eax, %1
	call	do_call
%endmacro

%macro	EXIT 0
	KCALL	C_EXIT
	ud2
%endmacro

; One instruction, or what the kernel gives back in its place.
%macro	FAULTS 1+
	mov	ebp, AT(%%next)
	%1
%%next:
%endmacro

; Sets bits of EFLAGS.
%macro	FLAGS 1
	pushfd
	or	dword [esp], %1
	popfd
%endmacro

do_call:
	cmp	dword [BY_INT], 0
	jne	.int
	mov	ecx, esp
	mov	edx, AT(.back)
	sysenter
.int:
	int	INT_CALL
.back:
	ret

; All registers come through a call as <sys/abi/call.h> says.
PROGRAM	echo
	mov	ebx, 0xb0b0b0b0
	mov	esi, 0x51515151
	mov	edi, 0xd1d1d1d1
	mov	ebp, 0xb9b9b9b9
	mov	ecx, 0xc0c0c0c0
	mov	edx, 0xd0d0d0d0
	FLAGS	EFLAGS_DF
	KCALL	C_ECHO
	mov	[AFTER], eax
	mov	[AFTER + 4], ebx
	mov	[AFTER + 8], esi
	mov	[AFTER + 12], edi
	mov	[AFTER + 16], ebp
	mov	[AFTER + 20], ecx
	mov	[AFTER + 24], edx
	mov	[AFTER + 28], esp
	pushfd
	pop	dword [AFTER + 32]
	cld
	EXIT

; The call that wants all registers back.
PROGRAM	full
	KCALL	C_FULL
	mov	[AFTER], ecx
	mov	[AFTER + 4], edx
	pushfd
	pop	dword [AFTER + 8]
	EXIT

; A call with these bits set, by each way.  TF set: the step is over when the
; kernel has been entered.
%macro	CALL_WITH 1
	KCALL	C_NULL			; not needed, but for the count
	mov	eax, C_NULL
	cmp	dword [BY_INT], 0
	jne	%%int
	mov	ecx, esp
	mov	edx, AT(%%back)
	FLAGS	%1
	sysenter
%%int:
	FLAGS	%1
	int	INT_CALL
%%back:
	pushfd
	and	dword [esp], ~(%1)
	popfd
%endmacro

PROGRAM	flags
	CALL_WITH EFLAGS_NT
	CALL_WITH EFLAGS_AC
	CALL_WITH EFLAGS_DF
	CALL_WITH EFLAGS_NT | EFLAGS_AC | EFLAGS_DF
	EXIT

PROGRAM	step
	mov	ebp, AT(.next)		; a trap after INT's return is expected
	CALL_WITH EFLAGS_TF
.next:
	pushfd
	and	dword [esp], ~EFLAGS_TF
	popfd
	EXIT

; Runs with all of these set until FLAG is set.
PROGRAM	dirty
	FLAGS	EFLAGS_NT | EFLAGS_AC | EFLAGS_DF
.loop:
	inc	dword [COUNT]
	cmp	dword [FLAG], 0
	je	.loop
	FLAGS	0
	EXIT

; What only ring 0 may do: a #GP each.
PROGRAM	privileged
	mov	edi, DATA		; for what looks at memory first
	mov	esi, edi
	FAULTS	cli
	FAULTS	sti
	FAULTS	hlt
	FAULTS	in al, 0x80
	FAULTS	out 0x80, al
	FAULTS	in eax, dx
	FAULTS	out dx, eax
	FAULTS	insb
	FAULTS	outsb
	FAULTS	mov eax, cr0
	FAULTS	mov cr0, eax
	FAULTS	mov eax, cr2
	FAULTS	mov eax, cr3
	FAULTS	mov cr3, eax
	FAULTS	mov eax, cr4
	FAULTS	mov cr4, eax
	FAULTS	mov eax, dr0
	FAULTS	mov dr7, eax
	FAULTS	clts
	FAULTS	lmsw ax
	FAULTS	lgdt [DATA]
	FAULTS	lidt [DATA]
	FAULTS	lldt ax
	FAULTS	ltr ax
	FAULTS	invlpg [DATA]
	FAULTS	invd
	FAULTS	wbinvd
	FAULTS	rdmsr
	FAULTS	wrmsr
	FAULTS	rdpmc
	FAULTS	sysexit
	FAULTS	int 8
	FAULTS	int 13
	FAULTS	int 14
	FAULTS	int 0x20
	FAULTS	int 0x30
	FAULTS	int 0x82
	FAULTS	int 0xe0
	FAULTS	int 0xf0
	FAULTS	int 0xff
	FAULTS	jmp 0x08:0		; kernel code
	FAULTS	jmp 0x28:0		; the TSS
	FAULTS	jmp 0x30:0		; the double-fault task
	mov	ax, 0x10
	FAULTS	mov ds, ax
	FAULTS	mov ss, ax
	mov	ax, 0x38
	FAULTS	mov fs, ax
	FAULTS	mov gs, ax
	EXIT

; What tells where tables of the kernel are, unless CR4.UMIP is set.
PROGRAM	tables
	FAULTS	sgdt [AFTER]
	FAULTS	sidt [AFTER]
	FAULTS	sldt ax
	FAULTS	str ax
	FAULTS	smsw ax
	EXIT

; The exceptions that a program has a right to: vectors 0, 3 to 6, 16, 19.
PROGRAM	exceptions
	xor	edx, edx
	xor	ecx, ecx
	FAULTS	div ecx
	FAULTS	int3
	mov	al, 0x7f
	inc	al			; OF
	FAULTS	into
	mov	ecx, -1
	FAULTS	bound ecx, [AFTER]
	FAULTS	ud2
	FAULTS	int 0x80
	EXIT

PROGRAM	fpu_errors
	fninit
	mov	word [AFTER], 0x037b	; division by 0 not masked
	fldcw	[AFTER]
	fld1
	fldz
	fdivp	st1
	FAULTS	fwait
	fninit
	mov	dword [AFTER], 0x1d80
	ldmxcsr	[AFTER]
	xorps	xmm1, xmm1
	FAULTS	divps xmm0, xmm1
	EXIT

; Page faults: the kernel executed, read and written; nothing there; its own
; code written; the page of data executed.
PROGRAM	page_faults
	mov	edi, [FLAG]		; an address of the kernel
	FAULTS	jmp edi
	FAULTS	mov al, [edi]
	FAULTS	mov [edi], al
	mov	ecx, 0x00700000
	FAULTS	mov [ecx], al
	FAULTS	mov [AT(.next)], al
.next:
	mov	ecx, STACK - 16
	mov	byte [ecx], 0xc3	; ret
	push	dword AT(.back)
	FAULTS	jmp ecx
.back:
	EXIT

; Every selector up to 0x60 in each segment register, and then a call, an
; interrupt and a return: the kernel does not mind, and %ds, %es and %fs come
; back as they are always.  ES is loaded by an address that DS need not reach.
%macro	LOAD 1
	mov	ebp, AT(%%next)
	mov	%1, di
%%next:
	push	ss
	pop	ds
	KCALL	C_NULL
	mov	ecx, ds
	cmp	cx, 0x23
	jne	near bad
	mov	ecx, es
	cmp	cx, 0x23
	jne	near bad
	mov	ecx, fs
	cmp	cx, 0x4b
	jne	near bad
%endmacro

PROGRAM	selectors
	xor	edi, edi
.next:
	LOAD	ds
	LOAD	es
	LOAD	fs
	mov	ebp, AT(.loaded)
	mov	gs, di
.loaded:
	mov	esi, gs
	KCALL	C_YIELD
	mov	ecx, gs
	cmp	ecx, esi
	je	.kept
	or	esi, ecx		; IRET may make a null selector 0
	cmp	esi, 3			; (SDM vol. 2, IRET)
	ja	near bad
.kept:
	inc	edi
	cmp	edi, 0x60
	jne	.next
	EXIT

; A stack segment that is not flat is no way in either.
PROGRAM	stack_selector
	mov	edi, esp
	mov	ebx, 0			; base of TLS: as flat
	KCALL	C_TLS
	mov	ax, 0x43
	mov	ss, ax
	xor	esp, esp		; no stack, and none is needed
	mov	eax, C_NULL
	int	INT_CALL
	mov	ax, 0x23
	mov	ss, ax
	mov	esp, edi
	EXIT

bad:
	mov	ebx, edi
	mov	esi, ecx
	KCALL	C_BAD
	EXIT

; The FPU's state is the program's own, whatever runs between: yields by calls,
; and by the clock.
PROGRAM	fpu
	fxrstor	[IMAGE]
	fxsave	[BEFORE]
.loop:
	test	dword [COUNT], 1
	jz	.spin
	KCALL	C_YIELD
	jmp	.compare
.spin:
	mov	ecx, [FLAG]
.again:
	dec	ecx
	jnz	.again
.compare:
	fxsave	[NOW]
	mov	esi, BEFORE
	mov	edi, NOW
	mov	ecx, IMAGE_WORDS
	repe	cmpsd
	jne	near bad
	dec	dword [COUNT]
	jnz	.loop
	EXIT

; The state at the start.
PROGRAM	fpu_first
	fxsave	[NOW]
	EXIT

; %gs and %fs: base and selector are the thread's own.  FLAG is the base of TLS;
; the block is 256 bytes above.
PROGRAM	tls
	mov	ebx, [FLAG]
	KCALL	C_TLS
	mov	ebx, [FLAG]
	add	ebx, 0x100
	KCALL	C_BLOCK
	mov	ebx, [FLAG]
	mov	[ebx], ebx
	mov	[ebx - 4], ebx
	mov	[ebx + 0x100], ebx
.loop:
	KCALL	C_YIELD
	xor	edi, edi
	mov	ecx, [gs:edi]
	cmp	ecx, [FLAG]
	jne	near bad
	mov	ecx, [gs:edi - 4]
	cmp	ecx, [FLAG]
	jne	near bad
	mov	ecx, [fs:edi]
	cmp	ecx, [FLAG]
	jne	near bad
	dec	dword [COUNT]
	jnz	.loop
	EXIT

; Calls without end, until the thread is ended.
PROGRAM	calls
	KCALL	C_NULL
	inc	dword [COUNT]
	jmp	blob_calls

; No calls at all.
PROGRAM	spin
	inc	dword [COUNT]
	jmp	blob_spin

PROGRAM	yield
	KCALL	C_YIELD
	jmp	blob_yield

; COUNT calls in a row; the TSC in AFTER.
PROGRAM	timed
	mov	ebx, [COUNT]
	rdtsc
	mov	[AFTER], eax
	mov	[AFTER + 4], edx
.loop:
	KCALL	C_NULL
	dec	ebx
	jnz	.loop
	rdtsc
	mov	[AFTER + 8], eax
	mov	[AFTER + 12], edx
	EXIT
blob_end:

	section .note.GNU-stack noalloc noexec nowrite progbits
