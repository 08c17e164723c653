; SPDX-License-Identifier: BSD-2-Clause
;
; Where an application processor starts: in real mode at 0x8000, to which mp.c
; copies this.  Enters protected mode, loads the bootstrap tables and calls
; ap_enter().  One processor runs this at a time, on a small stack for all of
; them: the bootstrap tables do not map a processor's own.

TRAMPOLINE equ	0x8000
CR4_PAE	equ	0x00000020
CR0_PG_WP equ	0x80010000

%define HERE(x)	(TRAMPOLINE + (x) - trampoline_start)

	section .rodata
	global	trampoline_start, trampoline_end
	extern	ap_enter, boot_pdpt
	align	16
	bits	16
trampoline_start:
	cli
	cld
	xor	ax, ax
	mov	ds, ax
	o32 lgdt [HERE(gdt_pointer)]
	mov	eax, cr0
	or	al, 1
	mov	cr0, eax
	jmp	dword 0x08:HERE(.protected)
	bits	32
.protected:
	mov	ax, 0x10
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	eax, cr4
	or	eax, CR4_PAE
	mov	cr4, eax
	mov	eax, boot_pdpt
	mov	cr3, eax
	mov	eax, cr0
	or	eax, CR0_PG_WP
	mov	cr0, eax
	mov	esp, ap_boot_stack_top
	xor	ebp, ebp
	push	ebp
	mov	eax, ap_enter
	jmp	eax
	align	8
gdt:
	dq	0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_pointer:
	dw	23
	dd	HERE(gdt)
trampoline_end:

	section .bss
	align	16
	resb	4096
ap_boot_stack_top:

	section .note.GNU-stack noalloc noexec nowrite progbits
