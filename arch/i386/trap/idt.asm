; SPDX-License-Identifier: BSD-2-Clause
;
; The interrupt descriptor table, which desc.c fills, and an entry by it without
; an interrupt.

	section .text

; trap_again(vector in eax): delivers an interrupt as if it came at .back with
; interrupts on.  They are off here.  Enters by the gate of the vector, as the
; CPU does: the address is in the high half of its second word and the low half
; of its first (SDM vol. 3A, figure 6-2).
	global	trap_again
trap_again:
	mov	edx, [idt + eax * 8 + 4]
	mov	dx, [idt + eax * 8]
	pushfd
	or	dword [esp], 0x200	; IF
	push	cs
	push	dword .back
	jmp	edx
.back:
	ret

	section .bss
	align	8
	global	idt
idt:
	resq	256

	section .note.GNU-stack noalloc noexec nowrite progbits
