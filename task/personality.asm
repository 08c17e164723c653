; SPDX-License-Identifier: BSD-2-Clause
;
; The personality, a program for ring 3: an ELF image inside the kernel's, which
; task/root.c maps into the first task.  PERSONALITY is the file, from the
; Makefile.

	bits	32

	global	user_image, user_image_end

	section	.rodata align=4096
user_image:
	incbin	PERSONALITY
user_image_end:

	section	.note.GNU-stack noalloc noexec nowrite progbits
