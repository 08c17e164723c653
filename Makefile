# SPDX-License-Identifier: BSD-2-Clause
#
# mayfly: `make help` lists what there is.

CC	= gcc
LD	= ld
NASM	?= nasm
CROSS	?=
SMP	?= 4
MEM	?= 5G
CPU	?=
MACHINE	?= pc
APPEND	?=
FILE	?= build/mayfly.elf
B	= build
Q	= $(if $(V),,@)

CFLAGS	= -m32 -march=i586 -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-pie \
	  -mgeneral-regs-only -fno-omit-frame-pointer -fno-stack-protector \
	  -fno-strict-aliasing -fno-asynchronous-unwind-tables -fno-builtin \
	  -Wall -Wextra -I. -I$(B)/include -MMD -MP
LDFLAGS	= -m elf_i386 -nostdlib -z noexecstack -T linker.ld
KSYMS	= NM='$(CROSS)nm' sh scripts/ksyms
HOSTCFLAGS = -std=gnu11 -Wall -Wextra -g -fsanitize=address,undefined

CSRC	= $(wildcard boot/*.c kern/*.c vm/*.c arch/i386/*.c tests/*.c)
ASRC	= $(wildcard boot/*.asm arch/i386/*.asm)
OBJS	= $(CSRC:%.c=$(B)/%.o) $(ASRC:%.asm=$(B)/%.o)
ROWS	= $(shell grep -v '^\#' tests/matrix.tsv | cut -f1)
HOSTT	= $(patsubst tests/host/%.c,$(B)/host/%,$(wildcard tests/host/*.c))

RUN	= SMP='$(SMP)' MEM='$(MEM)' CPU='$(CPU)' MACHINE='$(MACHINE)' \
	  APPEND='$(APPEND)' FILE='$(FILE)' KERNEL=$(B)/mayfly.elf

all: $(B)/mayfly.elf

$(B)/mayfly.elf: $(OBJS) $(B)/ksyms.o linker.ld
	@echo "LD  $@"
	$(Q)$(CROSS)$(LD) $(LDFLAGS) -o $@.tmp $(OBJS) $(B)/ksyms.o
	$(Q)$(KSYMS) $@.tmp >$(B)/ksyms.check
	$(Q)cmp $(B)/ksyms.asm $(B)/ksyms.check || { \
	    echo 'the second link moved a function' >&2; exit 1; }
	$(Q)mv $@.tmp $@

# The first link has an empty table; its functions make the second's.  The
# table lies behind all else, so nothing moves, which the second link checks.
$(B)/ksyms.asm: $(OBJS) linker.ld scripts/ksyms
	@echo "SYM $@"
	$(Q)$(KSYMS) >$(B)/ksyms0.asm
	$(Q)$(NASM) -f elf32 -o $(B)/ksyms0.o $(B)/ksyms0.asm
	$(Q)$(CROSS)$(LD) $(LDFLAGS) -o $(B)/ksyms0.elf $(OBJS) $(B)/ksyms0.o
	$(Q)$(KSYMS) $(B)/ksyms0.elf >$@.tmp && mv $@.tmp $@

$(B)/ksyms.o: $(B)/ksyms.asm
	$(Q)$(NASM) -f elf32 -o $@ $<

$(B)/include/machine:
	$(Q)mkdir -p $(B)/include && ln -sfn ../../arch/i386/include $@

$(B)/boot/early.o: CFLAGS += -march=i486
$(B)/%.o: %.c | $(B)/include/machine
	@mkdir -p $(@D)
	@echo "CC  $<"
	$(Q)$(CROSS)$(CC) $(CFLAGS) -c -o $@ $<

$(B)/%.o: %.asm
	@mkdir -p $(@D)
	@echo "ASM $<"
	$(Q)$(NASM) -f elf32 -g -o $@ $<

$(B)/host/libk_test: HOSTCFLAGS += -fno-builtin
$(B)/host/%: tests/host/%.c $(wildcard boot/*.[ch] kern/*.c vm/*.[ch] sys/*.h)
	@mkdir -p $(@D)
	@echo "HOSTCC $<"
	$(Q)$(CC) $(HOSTCFLAGS) $(HOSTINC) -o $@ $<
$(B)/host/vm_page_test $(B)/host/multiboot_test $(B)/host/tunable_test: \
	HOSTINC = -Itests/host/include -I.
$(B)/host/libk_test: HOSTINC = -I.

run: all				## boots FILE as a module and digests it
	$(Q)$(RUN) sh scripts/run-file

test: all $(HOSTT)			## host tests and the table of machines
	@rm -rf $(B)/rows && mkdir -p $(B)/rows
	@for r in $(ROWS); do : > $(B)/rows/$$r; done
	@prove -j2 --exec '' $(HOSTT) && \
	    prove -j2 --exec 'sh scripts/run-row' $(B)/rows/*

debug: all				## QEMU waits for gdb on port 1234
	$(Q)$(RUN) MEM=512M sh scripts/qemu -s -S

clean:					## removes build/
	rm -rf $(B)

help:					## this list
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile
	@echo 'Variables: SMP= MEM= CPU= MACHINE= APPEND= FILE= CC= CROSS= V=1'

-include $(OBJS:.o=.d)
.PHONY: all run test debug clean help
