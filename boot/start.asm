; SPDX-License-Identifier: BSD-2-Clause
;
; The first instructions: the Multiboot 1 header, and the way from the
; loader's flat protected mode (Multiboot 1, section 3.2) to kern_main(), with
; paging on.  early.c checks the CPU and builds the bootstrap page tables.
; Everything here is linked at its physical address.

MAGIC	equ	0x1BADB002
FLAGS	equ	0x00000003		; page-aligned modules, a memory map
CR0_PE	equ	0x00000001
CR0_WP	equ	0x00010000
CR0_PG	equ	0x80000000
CR4_PAE	equ	0x00000020

	section .multiboot progbits alloc noexec nowrite align=4
	dd	MAGIC, FLAGS, -(MAGIC + FLAGS)

	section .text
	global	_start
	extern	early_gate, boot_pdpt, kern_main, boot_stack_top
_start:
	cli
	cld
	mov	esp, early_stack_top
	mov	esi, eax		; the loader's magic
	mov	edi, ebx		; the loader's information
	call	early_gate		; does not return on an unfit CPU
	mov	eax, cr4
	or	eax, CR4_PAE
	mov	cr4, eax
	mov	eax, boot_pdpt
	mov	cr3, eax
	mov	eax, cr0
	or	eax, CR0_PG | CR0_WP
	mov	cr0, eax
	mov	esp, boot_stack_top	; boot/stacks.c, above KERNBASE
	xor	ebp, ebp		; ends every back-trace
	mov	eax, esi
	mov	edx, edi
	push	ebp			; no address to return to
	mov	ecx, kern_main
	jmp	ecx

	section .bss nobits alloc noexec write align=16
early_stack:
	resb	4096
early_stack_top:

	section .note.GNU-stack noalloc noexec nowrite progbits
