; SPDX-License-Identifier: BSD-2-Clause
;
; Where an application processor starts.  mp.c copies the part in real mode to a
; page below 1 MiB; which one is known only at run time, so that part uses
; addresses relative to its own start.  The rest stays in the image, at its
; physical address: enters protected mode, loads the bootstrap tables and calls
; ap_enter().  One processor runs this at a time, on a small stack for all of
; them: the bootstrap tables do not map a processor's own.

CR4_PAE	equ	0x00000020
CR0_PG_WP equ	0x80010000

	section .rodata
	global	trampoline_start, trampoline_end
	bits	16
trampoline_start:
	cli
	cld
	mov	ax, cs			; the page that the SIPI named
	mov	ds, ax
	o32 lgdt [gdt_pointer - trampoline_start]
	mov	eax, cr0
	or	al, 1
	mov	cr0, eax
	jmp	dword 0x08:protected
gdt_pointer:
	dw	gdt_end - gdt - 1
	dd	gdt
trampoline_end:

	section .text
	extern	ap_enter, boot_pdpt
	bits	32
protected:
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
gdt:	; flat code and data, marked as accessed: no CPU writes here
	dq	0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_end:

	section .bss
	align	16
	resb	4096
ap_boot_stack_top:

	section .note.GNU-stack noalloc noexec nowrite progbits
