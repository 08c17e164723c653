# SPDX-License-Identifier: BSD-2-Clause
#
# User code: the personality, a program for ring 3 that the kernel has inside
# (task/personality.asm).  Included by the Makefile, which links it.

UCFLAGS	= -m32 -march=i686 -mtune=generic -mregparm=3 $(STACKALIGN) \
	  -std=gnu11 -O2 $(DEBUGINFO) -ffreestanding $(PLAIN) \
	  -mgeneral-regs-only -fno-strict-aliasing -fno-builtin \
	  -Wall -Wextra -I.
USRC	= $(wildcard user/*.c)
UASRC	= $(wildcard user/*.asm)
UOBJS	= $(USRC:%.c=$(B)/%.o) $(UASRC:%.asm=$(B)/%.o)

$(B)/user/%.o: user/%.c $(B)/flags
	@mkdir -p $(@D)
	@echo "UCC $@"
	$(Q)$(CROSS)$(CC) $(UCFLAGS) -MMD -MP -c -o $@ $<

-include $(UOBJS:.o=.d)
