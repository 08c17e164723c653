; SPDX-License-Identifier: BSD-2-Clause
;
; Imitates a loader or a firmware with one fault.  This is a Multiboot kernel
; whose first module is the real kernel: it copies that to the addresses of its
; ELF program headers, makes the fault, and enters it as a loader does.  It is
; built once for each fault, with -D FAULT=name; the names are the Makefile's
; FAULTS.
;
; It is linked at 32 MiB, and a loader puts modules behind it, so the kernel
; that is copied to 1 MiB overwrites neither.  It finds the firmware's tables
; as the kernel does and changes them in place.  It copies the loader's memory
; map before it adds entries.  Throughout,
;
;	ebp	points to the Multiboot information
;
; On a machine where the fault cannot be made it exits with status 65.

%ifndef FAULT
%error "FAULT is not given"
%endif

; if_fault name, ...: sets `chosen' to 1 if FAULT is one of these, else to 0.
%macro if_fault 1-*
%assign %%is 0
%rep %0
%ifidn FAULT, %1
%assign %%is 1
%endif
%rotate 1
%endrep
%assign chosen %%is
%endmacro

MAGIC	equ	0x1BADB002		; Multiboot 1, section 3.1.1
FLAGS	equ	0x00000003		; modules on pages, memory map wanted
BOOTED	equ	0x2BADB002		; section 3.2

MBI_FLAGS equ	0			; section 3.3
MBI_MEM_UPPER equ 8
MBI_CMDLINE equ	16
MBI_MODS_COUNT equ 20
MBI_MODS_ADDR equ 24
MBI_MMAP_LENGTH equ 44
MBI_MMAP_ADDR equ 48
INFO_CMDLINE equ 1 << 2
INFO_MODS equ	1 << 3
INFO_MMAP equ	1 << 6
MOD_START equ	0
MOD_END	equ	4
MOD_SIZE equ	16			; of an entry of the list
MMAP_SIZE equ	0			; of the entry, without this field
MMAP_BASE equ	4
MMAP_LENGTH equ	12
MMAP_TYPE equ	20
MMAP_WHOLE equ	24			; bytes of QEMU's and GRUB's entries
RAM	equ	1
RESERVED equ	2

E_ENTRY	equ	24			; System V ABI, 32-bit ELF header
E_PHOFF	equ	28
E_PHENTSIZE equ	42
E_PHNUM	equ	44
P_TYPE	equ	0			; and program header
P_OFFSET equ	4
P_PADDR	equ	12
P_FILESZ equ	16
P_MEMSZ	equ	20
PT_LOAD	equ	1

BDA_EBDA equ	0x40e			; segment of the extended data area
RSDP_CHECKSUM equ 8			; ACPI 6.4, 5.2.5.3
RSDP_RSDT equ	16
RSDP_LENGTH equ	20
RSDP_XSDT equ	24
RSDP_CHECKSUM2 equ 32
RSDP_WHOLE equ	36
TABLE_LENGTH equ 4			; and 5.2.6
TABLE_CHECKSUM equ 9
TABLE_HEADER equ 36
FADT_X_PM1A equ	172			; 5.2.9, with its address at 4
FADT_WHOLE equ	244			; bytes from revision 3 on
MADT_LAPIC_PA equ 36			; 5.2.12
MADT_ENTRIES equ 44
LAPIC	equ	0			; 5.2.12.2
LAPIC_LEN equ	8
LAPIC_ID equ	3
LAPIC_FLAGS equ	4
ISO	equ	2			; 5.2.12.5
ISO_LEN	equ	10
LAPIC_PA equ	5			; 5.2.12.8
LAPIC_PA_LEN equ 12
NO_TYPE	equ	0x80			; 5.2.12, for OEMs
X2APIC	equ	9			; 5.2.12.12
X2APIC_LEN equ	16

EXIT_PORT equ	0xf4			; isa-debug-exit
EXIT_NOT_MADE equ 0x20			; status 65, not used by the kernel

	section .text
	align	4
	dd	MAGIC, FLAGS, -(MAGIC + FLAGS)

	global	_start
_start:
	cli
	cld
	mov	esp, stack_top
	mov	ebp, ebx
	test	dword [ebp + MBI_FLAGS], INFO_MODS
	jz	not_made
	cmp	dword [ebp + MBI_MODS_COUNT], 0
	je	not_made
	mov	eax, [ebp + MBI_MODS_ADDR]
	mov	edx, [eax + MOD_START]
	cmp	dword [edx], 0x464c457f	; "\177ELF"
	jne	not_made
	call	load
	push	dword [edx + E_ENTRY]

	call	fault

	pop	ecx
	mov	eax, BOOTED
if_fault badmagic
%if chosen
	mov	eax, 0xdeadbeef
%endif
	mov	ebx, ebp
if_fault info_nowhere
%if chosen
	mov	ebx, 0xfffffff0
%endif
	jmp	ecx

not_made:
	mov	al, EXIT_NOT_MADE
	out	EXIT_PORT, al
	hlt
	jmp	not_made

; load: copies the segments of the ELF file at edx.  Preserves edx.
load:
	movzx	eax, word [edx + E_PHNUM]
	mov	ebx, [edx + E_PHOFF]
	add	ebx, edx
.next:
	push	eax
	cmp	dword [ebx + P_TYPE], PT_LOAD
	jne	.skip
	mov	esi, [ebx + P_OFFSET]
	add	esi, edx
	mov	edi, [ebx + P_PADDR]
	mov	ecx, [ebx + P_FILESZ]
	rep	movsb
	mov	ecx, [ebx + P_MEMSZ]
	sub	ecx, [ebx + P_FILESZ]
	xor	eax, eax
	rep	stosb
.skip:
	movzx	eax, word [edx + E_PHENTSIZE]
	add	ebx, eax
	pop	eax
	dec	eax
	jnz	.next
	ret

; --- the loader's information ---

; copy_map: copies the memory map to `map', which has room for more entries.
; Returns its end in edi.
copy_map:
	mov	esi, [ebp + MBI_MMAP_ADDR]
	mov	ecx, [ebp + MBI_MMAP_LENGTH]
	cmp	ecx, 32 * MMAP_WHOLE
	ja	not_made
	mov	edi, map
	mov	[ebp + MBI_MMAP_ADDR], edi
	rep	movsb
	ret

; add_range: appends an entry at edi: base eax (below 4 GiB), length edx:ecx,
; type bl.  Advances edi.
add_range:
	mov	dword [edi + MMAP_SIZE], MMAP_WHOLE - 4
	mov	[edi + MMAP_BASE], eax
	mov	dword [edi + MMAP_BASE + 4], 0
	mov	[edi + MMAP_LENGTH], ecx
	mov	[edi + MMAP_LENGTH + 4], edx
	movzx	ebx, bl
	mov	[edi + MMAP_TYPE], ebx
	add	edi, MMAP_WHOLE
	add	dword [ebp + MBI_MMAP_LENGTH], MMAP_WHOLE
	ret

; find_ram: returns in esi the entry of the RAM that starts at 1 MiB.  edi is
; the end of the map.
find_ram:
	mov	esi, map
.next:
	cmp	esi, edi
	jae	not_made
	cmp	dword [esi + MMAP_BASE], 0x100000
	je	.found
	add	esi, MMAP_WHOLE
	jmp	.next
.found:
	cmp	dword [esi + MMAP_TYPE], RAM
	jne	not_made
	ret

; --- the firmware's tables ---

; find_madt: returns the MADT in esi, its first entry in edi, its end in ebx,
; and the RSDT in edx.  find_table: returns the table of signature eax.
find_madt:
	mov	eax, "APIC"
find_table:
	mov	esi, 0xe0000
.rsdp:
	cmp	dword [esi], "RSD "
	jne	.no
	cmp	dword [esi + 4], "PTR "
	je	.found
.no:
	add	esi, 16
	cmp	esi, 0x100000
	jb	.rsdp
	jmp	not_made
.found:
	mov	edx, [esi + RSDP_RSDT]
	mov	ecx, [edx + TABLE_LENGTH]
	add	ecx, edx
	lea	ebx, [edx + TABLE_HEADER]
.table:
	cmp	ebx, ecx
	jae	not_made
	mov	esi, [ebx]
	add	ebx, 4
	cmp	[esi], eax
	jne	.table
	lea	edi, [esi + MADT_ENTRIES]
	mov	ebx, [esi + TABLE_LENGTH]
	add	ebx, esi
	ret

; last_cpu: returns the last LAPIC entry in edi, and in eax their number.  Takes
; edi and ebx from find_madt; preserves esi.
last_cpu:
	xor	eax, eax
.next:
	cmp	edi, ebx
	jae	.end
	cmp	byte [edi], LAPIC
	jne	.skip
	inc	eax
	mov	ecx, edi
.skip:
	movzx	edx, byte [edi + 1]
	add	edi, edx
	jmp	.next
.end:
	mov	edi, ecx
	cmp	eax, 2
	jb	not_made
	ret

; fix_checksum: corrects the checksum of the table at esi.
fix_checksum:
	mov	byte [esi + TABLE_CHECKSUM], 0
	mov	ecx, [esi + TABLE_LENGTH]
	xor	eax, eax
.next:
	add	al, [esi + ecx - 1]
	loop	.next
	neg	al
	mov	[esi + TABLE_CHECKSUM], al
	ret

; --- the local APIC ---

APIC_SVR equ	0xfee000f0		; SDM vol. 3A, table 10-1
APIC_ICR equ	0xfee00300
ICR_SELF equ	0x44000			; fixed, to this CPU
PIC1_MASK equ	0x21
PIC2_MASK equ	0xa1

; send_self: sends this CPU an interrupt on the vector eax, which is pending or
; in service until it is taken.
send_self:
	mov	dword [APIC_SVR], 0x1ff
	or	eax, ICR_SELF
	mov	[APIC_ICR], eax
	ret

; new_rsdp: puts an RSDP into the extended BIOS data area, where it is found
; before the firmware's own.  eax and edx are the RSDT and the XSDT, or 0.
new_rsdp:
	movzx	edi, word [BDA_EBDA]
	shl	edi, 4
	jz	not_made
	add	edi, 0x200
	mov	dword [edi], "RSD "
	mov	dword [edi + 4], "PTR "
	mov	dword [edi + RSDP_CHECKSUM], 0
	mov	dword [edi + 12], 2 << 24	; the revision
	mov	[edi + RSDP_RSDT], eax
	mov	dword [edi + RSDP_LENGTH], RSDP_WHOLE
	mov	[edi + RSDP_XSDT], edx
	mov	dword [edi + RSDP_XSDT + 4], 0
	mov	dword [edi + RSDP_CHECKSUM2], 0
	mov	ecx, RSDP_LENGTH
	call	sum
	sub	[edi + RSDP_CHECKSUM], al
	mov	ecx, RSDP_WHOLE
	call	sum
	sub	[edi + RSDP_CHECKSUM2], al
	ret

; sum: returns the sum of ecx bytes at edi in al.
sum:
	xor	eax, eax
.next:
	add	al, [edi + ecx - 1]
	loop	.next
	ret

; null_list: makes a list of tables with signature eax, all of whose entries are
; 0, and returns it in esi.
null_list:
	push	eax
	mov	edi, map
	mov	ecx, TABLE_HEADER + 24
	xor	eax, eax
	rep	stosb
	mov	esi, map
	pop	dword [esi]
	mov	dword [esi + TABLE_LENGTH], TABLE_HEADER + 24
	jmp	fix_checksum

; --- the faults ---

fault:
if_fault badmagic, info_nowhere
%if chosen
	ret
%assign made 1
%endif

if_fault nommap
%if chosen
	and	dword [ebp + MBI_FLAGS], ~INFO_MMAP
	ret
%assign made 1
%endif

if_fault map_nowhere
%if chosen
	mov	dword [ebp + MBI_MMAP_ADDR], 0xfffffff0
	ret
%assign made 1
%endif

if_fault map_size0
%if chosen
	call	copy_map
	mov	dword [map + MMAP_WHOLE + MMAP_SIZE], 0
	ret
%assign made 1
%endif

if_fault map_cut
%if chosen
	sub	dword [ebp + MBI_MMAP_LENGTH], 3
	ret
%assign made 1
%endif

if_fault map_empty			; all entries have the length 0
%if chosen
	call	copy_map
	mov	esi, map
.next:
	mov	dword [esi + MMAP_LENGTH], 0
	mov	dword [esi + MMAP_LENGTH + 4], 0
	add	esi, MMAP_WHOLE
	cmp	esi, edi
	jb	.next
	ret
%assign made 1
%endif

; Adds an entry for the middle half of the RAM, which is listed already, and one
; for 1 MiB of it that is reserved; the kernel must not use that as RAM.
if_fault map_overlapping
%if chosen
	call	copy_map
	call	find_ram
	mov	ecx, [esi + MMAP_LENGTH]
	shr	ecx, 1
	mov	eax, [esi + MMAP_BASE]
	mov	edx, ecx
	shr	edx, 1
	add	eax, edx
	xor	edx, edx
	mov	bl, RAM
	call	add_range
	mov	eax, 0x2800000
	mov	ecx, 0x100000
	mov	bl, RESERVED
	call	add_range
	ret
%assign made 1
%endif

if_fault map_far			; RAM at 48 GiB, where there is none
%if chosen
	call	copy_map
	xor	eax, eax
	xor	edx, edx
	mov	ecx, 0x4000000
	mov	bl, RAM
	call	add_range
	mov	dword [edi - MMAP_WHOLE + MMAP_BASE + 4], 12
	ret
%assign made 1
%endif

if_fault map_unsorted			; entries in reverse order
%if chosen
	call	copy_map
	mov	esi, map
.swap:
	sub	edi, MMAP_WHOLE
	cmp	esi, edi
	jae	.done
	mov	ecx, MMAP_WHOLE / 4
.word:
	mov	eax, [esi + ecx * 4 - 4]
	xchg	eax, [edi + ecx * 4 - 4]
	mov	[esi + ecx * 4 - 4], eax
	loop	.word
	add	esi, MMAP_WHOLE
	jmp	.swap
.done:
	ret
%assign made 1
%endif

; One entry for all RAM from 1 MiB to the highest address, and a reserved one
; for the hole below 4 GiB.
if_fault map_straddling
%if chosen
	call	copy_map
	call	find_ram
	mov	eax, [esi + MMAP_BASE]	; where the hole begins
	add	eax, [esi + MMAP_LENGTH]
	mov	ebx, map
.high:
	cmp	ebx, edi
	jae	not_made
	cmp	dword [ebx + MMAP_TYPE], RAM
	jne	.no
	cmp	dword [ebx + MMAP_BASE + 4], 1
	je	.found
.no:
	add	ebx, MMAP_WHOLE
	jmp	.high
.found:
	cmp	dword [ebx + MMAP_BASE], 0
	jne	not_made
	mov	ecx, [ebx + MMAP_LENGTH]	; both lengths and the hole's
	mov	edx, [ebx + MMAP_LENGTH + 4]
	add	edx, 1
	sub	ecx, [esi + MMAP_BASE]
	sbb	edx, 0
	mov	[esi + MMAP_LENGTH], ecx
	mov	[esi + MMAP_LENGTH + 4], edx
	mov	dword [ebx + MMAP_LENGTH], 0
	mov	dword [ebx + MMAP_LENGTH + 4], 0
	mov	ecx, eax
	neg	ecx
	xor	edx, edx
	mov	bl, RESERVED
	call	add_range
	ret
%assign made 1
%endif

; map_pieces: the first half of each MiB: more ranges than the kernel's limit.
; map_small_pieces: fewer ranges, and so much RAM that the tables for it fit
; into none of them.
%assign pieces 80
if_fault map_small_pieces
%if chosen
%assign pieces 40
%else
if_fault map_pieces
%endif
%if chosen
	mov	edi, map
	mov	[ebp + MBI_MMAP_ADDR], edi
	mov	dword [ebp + MBI_MMAP_LENGTH], 0
	mov	esi, pieces
	mov	eax, 0x100000
.next:
	push	eax
	mov	ecx, 0x80000
	xor	edx, edx
	mov	bl, RAM
	call	add_range
	pop	eax
	add	eax, 0x100000
	dec	esi
	jnz	.next
%if pieces == 40
	and	dword [ebp + MBI_FLAGS], ~INFO_MODS	; it is in no piece
	mov	eax, 0x30000000
	mov	ecx, 0x0f000000
	call	add_range
%endif
	ret
%assign made 1
%endif

if_fault module_on_kernel
%if chosen
	mov	eax, [ebp + MBI_MODS_ADDR]
	mov	dword [eax + MOD_START], 0x180000
	mov	dword [eax + MOD_END], 0x181000
	ret
%assign made 1
%endif

if_fault module_backwards
%if chosen
	mov	eax, [ebp + MBI_MODS_ADDR]
	mov	dword [eax + MOD_START], 0x2800000
	mov	dword [eax + MOD_END], 0x27fffff
	ret
%assign made 1
%endif

; A page of zeros at 0x8000, where some kernels start the other CPUs.
if_fault module_low
%if chosen
	mov	eax, [ebp + MBI_MODS_ADDR]
	mov	edi, 0x8000
	cmp	ebp, 0x9000		; nothing that is needed may be there
	jb	not_made
	mov	[eax + MOD_START], edi
	mov	dword [eax + MOD_END], 0x9000
	mov	ecx, 4096
	xor	eax, eax
	rep	stosb
	ret
%assign made 1
%endif

if_fault module_on_map
%if chosen
	mov	eax, [ebp + MBI_MODS_ADDR]
	mov	edx, [ebp + MBI_MMAP_ADDR]
	mov	[eax + MOD_START], edx
	inc	edx
	mov	[eax + MOD_END], edx
	ret
%assign made 1
%endif

if_fault module_on_bios			; the vectors of real mode
%if chosen
	mov	eax, [ebp + MBI_MODS_ADDR]
	mov	dword [eax + MOD_START], 0
	mov	dword [eax + MOD_END], 4096
	ret
%assign made 1
%endif

if_fault module_not_in_ram		; but in the video memory
%if chosen
	mov	eax, [ebp + MBI_MODS_ADDR]
	mov	dword [eax + MOD_START], 0xa0000
	mov	dword [eax + MOD_END], 0xa1000
	ret
%assign made 1
%endif

; modules_two: a second module, behind the first.  modules_overlap: on its last
; byte.
if_fault modules_two, modules_overlap
%if chosen
	mov	esi, [ebp + MBI_MODS_ADDR]
	mov	edi, map
	mov	[ebp + MBI_MODS_ADDR], edi
	mov	dword [ebp + MBI_MODS_COUNT], 2
	mov	ecx, MOD_SIZE
	rep	movsb
	mov	eax, [edi - MOD_SIZE + MOD_END]
if_fault modules_overlap
%if chosen
	dec	eax
%endif
	mov	[edi + MOD_START], eax
	add	eax, 4096
	mov	[edi + MOD_END], eax
	ret
%assign made 1
%endif

if_fault module_nowhere
%if chosen
	mov	dword [ebp + MBI_MODS_ADDR], 0xfffffff8
	ret
%assign made 1
%endif

; cmdline_long: one character longer than the kernel accepts.  cmdline_endless:
; no end within three times that length.
%assign cmdline_length 1024
if_fault cmdline_endless
%if chosen
%assign cmdline_length 3072
%endif
if_fault cmdline_endless, cmdline_long
%if chosen
	or	dword [ebp + MBI_FLAGS], INFO_CMDLINE
	mov	edi, map
	mov	[ebp + MBI_CMDLINE], edi
	mov	ecx, cmdline_length
	mov	al, 'a'
	rep	stosb
	mov	byte [edi], 0
	ret
%assign made 1
%endif

if_fault cmdline_nowhere
%if chosen
	or	dword [ebp + MBI_FLAGS], INFO_CMDLINE
	mov	dword [ebp + MBI_CMDLINE], 0xfffffff0
	ret
%assign made 1
%endif

if_fault bare_option			; no path before the first option
%if chosen
	mov	edi, [ebp + MBI_CMDLINE]
	mov	al, ' '
	mov	ecx, 1024
	repne	scasb
	jne	not_made
	mov	[ebp + MBI_CMDLINE], edi
	ret
%assign made 1
%endif

; The command line is the kernel's own Multiboot header.
if_fault cmdline_on_kernel
%if chosen
	or	dword [ebp + MBI_FLAGS], INFO_CMDLINE
	mov	dword [ebp + MBI_CMDLINE], 0x100000
	ret
%assign made 1
%endif

if_fault mem_upper_small
%if chosen
	mov	dword [ebp + MBI_MEM_UPPER], 16384
	ret
%assign made 1
%endif

if_fault map_without_low		; no RAM below 1 MiB
%if chosen
	call	copy_map
	cmp	dword [map + MMAP_BASE], 0
	jne	not_made
	mov	dword [map + MMAP_TYPE], RESERVED
	ret
%assign made 1
%endif

; The RSDT and the MADT are 64 KiB below the end of what the loader calls RAM,
; and nowhere else.
if_fault tables_in_ram
%if chosen
	call	find_madt
	push	esi
	call	copy_map
	call	find_ram
	mov	edi, [esi + MMAP_BASE]
	add	edi, [esi + MMAP_LENGTH]
	sub	edi, 0x10000
	pop	esi
	mov	ebx, edi
	mov	ecx, [esi + TABLE_LENGTH]
	mov	eax, esi
	rep	movsb
	mov	dword [eax], "XXXX"
	add	edi, 15
	and	edi, ~15
	mov	esi, edx
	mov	edx, edi
	mov	ecx, TABLE_HEADER
	rep	movsb
	mov	[edi], ebx
	mov	esi, edx
	mov	dword [esi + TABLE_LENGTH], TABLE_HEADER + 4
	call	fix_checksum
	mov	eax, esi
	xor	edx, edx
	jmp	new_rsdp
%assign made 1
%endif

if_fault xsdt_null			; all its entries are 0
%if chosen
	call	find_madt
	mov	eax, "XSDT"
	call	null_list
	mov	eax, edx
	mov	edx, esi
	jmp	new_rsdp
%assign made 1
%endif

if_fault rsdp_twice			; the first leads to nothing
%if chosen
	mov	eax, "RSDT"
	call	null_list
	mov	eax, esi
	xor	edx, edx
	jmp	new_rsdp
%assign made 1
%endif

if_fault fadt_ports			; PM1a_CNT is said to be elsewhere
%if chosen
	mov	eax, "FACP"
	call	find_table
	cmp	dword [esi + TABLE_LENGTH], FADT_WHOLE
	jb	not_made
	mov	byte [esi + FADT_X_PM1A], 1
	mov	dword [esi + FADT_X_PM1A + 4], 0x5000
	mov	dword [esi + FADT_X_PM1A + 8], 0
	jmp	fix_checksum
%assign made 1
%endif

; The MADT has a wrong address of the local APIC: where the I/O APIC is, none,
; and by an override one that the CPU cannot form.
if_fault madt_lapic_wrong
%if chosen
	call	find_madt
	mov	dword [esi + MADT_LAPIC_PA], 0xfec80000
	jmp	fix_checksum
%assign made 1
%endif

if_fault madt_lapic_zero
%if chosen
	call	find_madt
	mov	dword [esi + MADT_LAPIC_PA], 0
	jmp	fix_checksum
%assign made 1
%endif

if_fault madt_lapic_far			; in place of two other overrides
%if chosen
	call	find_madt
.next:
	cmp	edi, ebx
	jae	not_made
	cmp	byte [edi], ISO
	jne	.skip
	cmp	byte [edi + ISO_LEN], ISO
	je	.found
.skip:
	movzx	eax, byte [edi + 1]
	add	edi, eax
	jmp	.next
.found:
	mov	dword [edi], LAPIC_PA | LAPIC_PA_LEN << 8
	mov	dword [edi + 4], 0
	mov	dword [edi + 8], 1 << 20
	mov	dword [edi + LAPIC_PA_LEN], NO_TYPE | \
	    (2 * ISO_LEN - LAPIC_PA_LEN) << 8
	jmp	fix_checksum
%assign made 1
%endif

if_fault madt_absent
%if chosen
	call	find_madt
	mov	dword [esi], "XXXX"
	jmp	fix_checksum
%assign made 1
%endif

if_fault madt_checksum
%if chosen
	call	find_madt
	inc	byte [esi + TABLE_CHECKSUM]
	ret
%assign made 1
%endif

if_fault madt_too_long
%if chosen
	call	find_madt
	mov	dword [esi + TABLE_LENGTH], 0x7fffffff
	ret
%assign made 1
%endif

if_fault madt_too_short
%if chosen
	call	find_madt
	mov	dword [esi + TABLE_LENGTH], MADT_ENTRIES - 1
	jmp	fix_checksum
%assign made 1
%endif

if_fault madt_length0			; the second entry has the length 0
%if chosen
	call	find_madt
	mov	byte [edi + LAPIC_LEN + 1], 0
	jmp	fix_checksum
%assign made 1
%endif

if_fault madt_entry_too_long
%if chosen
	call	find_madt
	mov	byte [edi + 1], 255
	jmp	fix_checksum
%assign made 1
%endif

if_fault madt_duplicate			; the last CPU has the first's id
%if chosen
	call	find_madt
	mov	dl, [edi + LAPIC_ID]
	push	edx
	call	last_cpu
	pop	edx
	mov	[edi + LAPIC_ID], dl
	jmp	fix_checksum
%assign made 1
%endif

if_fault madt_disabled			; the last CPU is not enabled
%if chosen
	call	find_madt
	call	last_cpu
	and	dword [edi + LAPIC_FLAGS], ~1
	jmp	fix_checksum
%assign made 1
%endif

if_fault madt_broadcast			; the last CPU has the broadcast id
%if chosen
	call	find_madt
	call	last_cpu
	mov	byte [edi + LAPIC_ID], 255
	jmp	fix_checksum
%assign made 1
%endif

; As madt_broadcast, and the kernel's message about it is damaged, so that it
; takes the number of CPUs for a string: a panic before there are other CPUs.
if_fault early_panic
%if chosen
	mov	edi, 0x100000
.search:
	cmp	edi, 0x400000
	jae	not_made
	inc	edi
	cmp	dword [edi], "%u C"
	jne	.search
	cmp	dword [edi + 4], "PUs "
	jne	.search
	cmp	dword [edi + 8], "have"
	jne	.search
	mov	byte [edi + 1], 's'
	call	find_madt
	call	last_cpu
	mov	byte [edi + LAPIC_ID], 255
	jmp	fix_checksum
%assign made 1
%endif

; The last CPU, which -smp N,maxcpus=N+1 leaves out, is marked as enabled.
if_fault madt_dead_cpu
%if chosen
	call	find_madt
	call	last_cpu
	test	dword [edi + LAPIC_FLAGS], 1
	jnz	not_made
	or	dword [edi + LAPIC_FLAGS], 1
	jmp	fix_checksum
%assign made 1
%endif

; The last two entries become one x2APIC entry, with the id of the last or with
; an id of more than 8 bits.
if_fault madt_x2apic, madt_x2apic_large
%if chosen
	call	find_madt
	call	last_cpu
	cmp	eax, 3
	jb	not_made
	movzx	edx, byte [edi + LAPIC_ID]
	sub	edi, LAPIC_LEN
	cmp	byte [edi], LAPIC
	jne	not_made
	mov	dword [edi], X2APIC | X2APIC_LEN << 8
	mov	[edi + 4], edx
	mov	dword [edi + 8], 1
	mov	dword [edi + 12], 0
if_fault madt_x2apic_large
%if chosen
	mov	dword [edi + 4], 300
%endif
	jmp	fix_checksum
%assign made 1
%endif

if_fault rsdt_checksum
%if chosen
	call	find_madt
	inc	byte [edx + TABLE_CHECKSUM]
	ret
%assign made 1
%endif

if_fault rsdt_nowhere			; its first entry is out of range
%if chosen
	call	find_madt
	mov	esi, edx
	mov	dword [esi + TABLE_HEADER], 0xfffffff0
	jmp	fix_checksum
%assign made 1
%endif

; --- interrupts that the firmware left in the local APIC ---

; Pending: on a vector of an exception, of an 8259, of an ISA IRQ, without an
; owner, the clock's, those of all IPIs, and the spurious one.
if_fault irr_left
%if chosen
	mov	esi, .vectors
.next:
	movzx	eax, byte [esi]
	inc	esi
	test	eax, eax
	jz	.end
	call	send_self
	jmp	.next
.end:
	ret
.vectors:
	db	0x1e, 0x27, 0x31, 0x80, 0xe0, 0xf0, 0xf1, 0xf2, 0xf3, 0xff, 0
%assign made 1
%endif

; In service: two that were taken and got no EOI, the second one over the first.
if_fault isr_left
%if chosen
	mov	al, 0xff
	out	PIC1_MASK, al
	out	PIC2_MASK, al
	lidt	[.idt]
	mov	eax, 0x35
	call	.take
	mov	eax, 0xe5
.take:
	mov	edx, .handler
	mov	[map + eax * 8], edx
	mov	[map + eax * 8 + 4], edx
	mov	[map + eax * 8 + 2], cs
	mov	word [map + eax * 8 + 4], 0x8e00
	call	send_self
	sti
.wait:
	cmp	byte [.taken], 0
	je	.wait
	cli
	mov	byte [.taken], 0
	ret
.handler:
	inc	byte [.taken]
	iret
.taken:
	db	0
.idt:
	dw	256 * 8 - 1
	dd	map
%assign made 1
%endif

%ifndef made
%error "no such fault"
%endif

	section .bss
	alignb	16
stack:	resb	4096
stack_top:
map:	resb	4096

	section .note.GNU-stack noalloc noexec nowrite progbits
