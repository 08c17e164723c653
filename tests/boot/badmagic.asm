; SPDX-License-Identifier: BSD-2-Clause
;
; A loader that does one thing wrong: a Multiboot kernel whose first module is
; the kernel proper, which it copies to where its ELF program headers want it
; and enters as a loader would, but for one fault.  Built twice: as badmagic it
; hands over a wrong magic number, with -D NOMMAP as nommap the right one and
; a Multiboot information that has no memory map.
;
; It is linked at 32 MiB, and a loader puts modules behind it, so that what is
; copied to 1 MiB overwrites neither.  There is no stack: every register has
; one use.
;
;	ebp	the Multiboot information
;	edx	the module, an ELF file
;	ebx	the current program header
;	esp	the program headers still to do

MAGIC	equ	0x1BADB002		; Multiboot 1, section 3.1.1
FLAGS	equ	0x00000003		; modules on pages, memory map wanted
BOOTED	equ	0x2BADB002		; section 3.2

MBI_FLAGS equ	0			; section 3.3
MBI_MODS_COUNT equ 20
MBI_MODS_ADDR equ 24
INFO_MODS equ	1 << 3
INFO_MMAP equ	1 << 6

E_ENTRY	equ	24			; System V ABI, ELF header, 32 bits
E_PHOFF	equ	28
E_PHENTSIZE equ	42
E_PHNUM	equ	44
P_TYPE	equ	0			; and program header
P_OFFSET equ	4
P_PADDR	equ	12
P_FILESZ equ	16
P_MEMSZ	equ	20
PT_LOAD	equ	1

EXIT_PORT equ	0xf4			; isa-debug-exit
EXIT_NO_MODULE equ 0x20			; status 65, which no kernel gives

	section .text
	align	4
	dd	MAGIC, FLAGS, -(MAGIC + FLAGS)

	global	_start
_start:
	cli
	cld
	mov	ebp, ebx
	test	dword [ebp + MBI_FLAGS], INFO_MODS
	jz	no_module
	cmp	dword [ebp + MBI_MODS_COUNT], 0
	je	no_module
	mov	eax, [ebp + MBI_MODS_ADDR]
	mov	edx, [eax]
	cmp	dword [edx], 0x464c457f	; "\177ELF"
	jne	no_module

	movzx	esp, word [edx + E_PHNUM]
	mov	ebx, [edx + E_PHOFF]
	add	ebx, edx
load:
	cmp	dword [ebx + P_TYPE], PT_LOAD
	jne	.next
	mov	esi, [ebx + P_OFFSET]
	add	esi, edx
	mov	edi, [ebx + P_PADDR]
	mov	ecx, [ebx + P_FILESZ]
	rep	movsb
	mov	ecx, [ebx + P_MEMSZ]
	sub	ecx, [ebx + P_FILESZ]
	xor	eax, eax
	rep	stosb
.next:
	movzx	eax, word [edx + E_PHENTSIZE]
	add	ebx, eax
	dec	esp
	jnz	load

	mov	ebx, ebp
%ifdef NOMMAP
	and	dword [ebx + MBI_FLAGS], ~INFO_MMAP
	mov	eax, BOOTED
%else
	mov	eax, 0xdeadbeef
%endif
	jmp	[edx + E_ENTRY]

no_module:
	mov	al, EXIT_NO_MODULE
	out	EXIT_PORT, al
	hlt
	jmp	no_module

	section .note.GNU-stack noalloc noexec nowrite progbits
