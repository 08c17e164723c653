# SPDX-License-Identifier: BSD-2-Clause
#
# mayfly: `make help` lists what there is.  Owns the flags and what is built
# from what; what boots the image is in scripts/, which find these in their
# environment, where make puts what its command line sets:
#
#: SMP=4		CPUs
#: MEM=5G		memory, with a suffix of M or G
#: CPU=			QEMU's CPU model; empty is QEMU's own default
#: MACHINE=pc		QEMU's machine type, pc or q35
#: APPEND=		the kernel's command line
#: FILE=		the boot module; empty is none, unset the kernel
#: ACCEL_THREAD=multi	or single: one host thread for all CPUs
#: SERIAL=stdio		or none: a machine without a serial port
#: LOG=build/run.log	where make run keeps what the serial port said
#: BOOT=kernel		who loads it: kernel (QEMU itself) or iso (GRUB)
#: CC=gcc		gcc or clang
#: CROSS=		prefix of gcc, ld and nm, such as i686-linux-gnu-
#: DEBUG=1		0 builds the release image, without -DDEBUG
#: VARIANT=		ubsan: panics where C defines nothing; gcov: counts lines
#: GDBPORT=1234		where QEMU waits for gdb
#: SECONDS=10		how long make fuzz takes for each parser; 60 in test-all
#: BENCH=		what make performance repeats: exact, time or report; empty is all
#: V=			1 shows the commands
#
# build/ holds the debug image and its objects, build/release/ the release
# image's, build/ubsan/ those of a debug image that panics where it does what C
# does not define (VARIANT=ubsan), build/gcov/ those of one that counts how often
# each line is executed (VARIANT=gcov).

CC	= gcc
LD	= ld
NASM	?= nasm
CROSS	?=
DEBUG	?= 1
Q	= $(if $(V),,@)

ifeq ($(filter 0 1,$(DEBUG)),)
$(error DEBUG=$(DEBUG): neither 0 nor 1)
endif
VARIANT	= $(if $(filter 0,$(DEBUG)),release)
ifneq ($(filter-out release ubsan gcov,$(VARIANT)),)
$(error VARIANT=$(VARIANT): neither ubsan nor gcov)
endif
B	= build$(VARIANT:%=/%)
I	= build/include
# Programs for the host: of two kinds, too.
HOSTB	= $(if $(filter gcov,$(VARIANT)),$(B),build)

# Arguments go in registers: -mregparm=3; the assembly files know.
# The least CPU with PAE is a P6.  What runs before that is known runs on all.
# 4 bytes: nothing here needs the 16 of the user's ABI.
STACKALIGN = $(if $(findstring clang,$(CC)),-mstack-alignment=4,-mpreferred-stack-boundary=2)
# Location views are a fifth of gcc's debugging information; gdb has no use
# for them.
DEBUGINFO = -g $(if $(findstring clang,$(CC)),,-gno-variable-location-views)
CFLAGS	= -m32 -march=i686 -mtune=generic -mregparm=3 $(STACKALIGN) \
	  -std=gnu11 -O2 $(DEBUGINFO) -ffreestanding -fno-pic -fno-pie \
	  -mgeneral-regs-only -fno-omit-frame-pointer -fno-stack-protector \
	  -fno-strict-aliasing -fno-optimize-sibling-calls \
	  -fno-asynchronous-unwind-tables -fno-builtin \
	  -Wall -Wextra -I. -I$(I) $(if $(filter 1,$(DEBUG)),-DDEBUG) \
	  $(CFLAGS_$(VARIANT))
CFLAGS_gcov = -DGCOV -O0 -fprofile-arcs -ftest-coverage -fprofile-info-section \
	  -fprofile-update=atomic
CFLAGS_ubsan = -fsanitize=undefined -fno-sanitize-recover=all
CFLAGS_boot/early.c = -march=i486 -fno-sanitize=all -fprofile-update=single
CFLAGS_kern/gcov.c = -O2 -fno-profile-arcs -fno-test-coverage
CFLAGS_kern/ubsan.c = -fno-sanitize=all
# clang does not know the pragma in it, and needs none.
CFLAGS_kern/string.c = -Wno-unknown-pragmas
LDFLAGS	= -m elf_i386 -nostdlib -z noexecstack \
	  --compress-debug-sections=zlib -T linker.ld
KSYMS	= NM='$(CROSS)nm' sh scripts/ksyms
HOSTCFLAGS = -std=gnu11 -Wall -Wextra -g \
	  $(or $(HOSTCFLAGS_$(VARIANT)),-fsanitize=address,undefined \
	  -fno-sanitize-recover=all)
HOSTCFLAGS_gcov = -O0 --coverage -fdata-sections

# The storeys, from the ground up, and the tests.
DIRS	= boot arch/i386/mmu arch/i386/trap arch/i386/smp arch/i386/pc \
	  kern/lib kern/sync kern/sched kern/debug kern/console kern \
	  vm sf_buf tests tests/digest tests/bench
CSRC	= $(filter-out $(VARIANTSRC),$(wildcard $(DIRS:%=%/*.c)))
# Sources of one variant only.
VARIANTSRC = $(filter-out %/$(VARIANT).c %/$(VARIANT)_test.c, \
	  kern/debug/gcov.c kern/debug/ubsan.c tests/ubsan_test.c)
ASRC	= $(wildcard $(DIRS:%=%/*.asm))
OBJS	= $(CSRC:%.c=$(B)/%.o) $(ASRC:%.asm=$(B)/%.o)
FAULTS	= $(shell sed -n 's/,/ /g; s/^if_fault //p' tests/boot/chain.asm | \
	  sed 's/;.*//' | tr -s ' \t' '\n\n' | sort -u)
CHAINS	= $(FAULTS:%=$(B)/tests/%.elf)
# Rows of the table of machines, by the set that they are in.
rows	= $(shell awk -F '\t' '!/^\#/ && $$NF == "$(1)" { print $$1 }' \
	  tests/matrix.tsv)
HOSTT	= $(patsubst tests/host/%.c,$(HOSTB)/host/%,$(wildcard tests/host/*.c))
PARSERS	= acpi cmdline lineedit multiboot

# What make test runs before the machines: programs that print TAP.
TESTS	= tests/run-file.t $(HOSTT)
TESTS	+= $(PARSERS:%=$(HOSTB)/host/fuzz_%)
TESTS	+= tests/pairwise.t tests/ktap.t tests/layers.t
TESTS	+= tests/monitor.t tests/manual.t
TESTS	+= tests/bench/budget.t tests/bench/published.t
# What make test-all makes: make test, and what takes longer or needs more.
ALLTARGETS = test test-rows
ALLTARGETS += test-bochs
ALLTARGETS += test-gdb
ALLTARGETS += coverage
ALLTARGETS += fuzz
ALLTARGETS += model
ALLTARGETS += test-the-tests

TOOLS	= $(firstword $(CROSS)$(CC)) $(CROSS)$(LD) $(CROSS)nm $(NASM)
TESTTOOLS = $(TOOLS) @test

# One make at a time builds: two would take each other's half-written files.
all:				## builds the kernel (plain make does)
	@sh scripts/need flock
	@mkdir -p build
	$(Q)flock build/lock $(MAKE) --no-print-directory objects

objects: $(B)/mayfly.elf
ifneq ($(filter build build/gcov,$(B)),)
objects: $(CHAINS)
endif
ifeq ($(B),build)
objects: compile_commands.json
endif

$(B)/mayfly.elf: $(OBJS) $(B)/objects $(B)/ksyms.o linker.ld
	@echo "LD  $@"
	$(Q)$(CROSS)$(LD) $(LDFLAGS) -o $@.tmp $(OBJS) $(B)/ksyms.o
	$(Q)$(KSYMS) $@.tmp >$(B)/ksyms.check
	$(Q)cmp $(B)/ksyms.asm $(B)/ksyms.check || { \
	    echo 'the second link moved a function' >&2; exit 1; }
	$(Q)mv $@.tmp $@

# The first link has an empty table; its functions make the second's.  The
# table lies behind all else, so nothing moves, which the second link checks.
$(B)/ksyms.asm: $(OBJS) $(B)/objects linker.ld scripts/ksyms
	@echo "SYM $@"
	$(Q)$(KSYMS) >$(B)/ksyms0.asm
	$(Q)$(NASM) -f elf32 -o $(B)/ksyms0.o $(B)/ksyms0.asm
	$(Q)$(CROSS)$(LD) $(LDFLAGS) -o $(B)/ksyms0.elf $(OBJS) $(B)/ksyms0.o
	$(Q)$(KSYMS) $(B)/ksyms0.elf >$@.tmp && mv $@.tmp $@

$(B)/ksyms.o: $(B)/ksyms.asm
	$(Q)$(NASM) -f elf32 -o $@ $<

$(I)/machine:
	$(Q)mkdir -p $(I) && ln -sfn ../../arch/i386/include $@

# All objects are built by one compiler with one set of flags: another CC=
# builds them anew.
FLAGS	= $(CROSS)$(CC) $(CFLAGS)
$(B)/flags: force
	@sh scripts/need $(TOOLS)
	@mkdir -p $(@D)
	@echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' >$@

# For scripts/layers; and so that a source that is gone is linked no more.
$(B)/objects: force
	@mkdir -p $(@D)
	@printf '%s\n' $(OBJS) | cmp -s - $@ || printf '%s\n' $(OBJS) >$@

$(B)/%.o: %.c $(B)/flags | $(I)/machine
	@mkdir -p $(@D)
	@echo "CC  $<"
	$(Q)$(FLAGS) $(CFLAGS_$<) -MMD -MP -c -o $@ $<

$(B)/%.o: %.asm $(B)/flags
	@mkdir -p $(@D)
	@echo "ASM $<"
	$(Q)$(NASM) -f elf32 -g -o $@ $<

# Loaders and firmware with a fault each, for BOOT=.
$(CHAINS): $(B)/tests/%.elf: tests/boot/chain.asm $(B)/flags
	@mkdir -p $(@D)
	$(Q)$(NASM) -f elf32 -D FAULT=$* -o $(@:.elf=.chain.o) $<
	$(Q)$(CROSS)$(LD) -m elf_i386 -z noexecstack -z max-page-size=4096 \
	    -Ttext=0x2000000 -o $@ $(@:.elf=.chain.o)

# For editors: one object for each source, with its flags.
compile_commands.json: $(CSRC) $(B)/flags
	@printf '%s\n' $(foreach f,$(CSRC),'$(f) $(CFLAGS_$(f))') | \
	    FLAGS='$(FLAGS)' awk 'BEGIN { \
		dir = ENVIRON["PWD"]; gsub(/[\\"]/, "\\\\&", dir); \
		printf "[" \
	    } { \
		file = $$1; $$1 = ""; \
		printf "%s\n{ \"directory\": \"%s\",\n", (NR > 1 ? "," : ""), dir; \
		printf "  \"file\": \"%s\",\n", file; \
		printf "  \"command\": \"%s%s -c %s\" }", \
		    ENVIRON["FLAGS"], $$0, file \
	    } END { print "\n]" }' >$@.tmp && mv $@.tmp $@

$(HOSTB)/host/libk_test: HOSTCFLAGS += -fno-builtin -Wno-unknown-pragmas
$(HOSTB)/host/%: tests/host/%.c $(wildcard $(DIRS:%=%/*.[ch]) sys/*.h) \
    | need-test
	@mkdir -p $(@D)
	@echo "HOSTCC $<"
	$(Q)$(CC) $(HOSTCFLAGS) $(HOSTINC) -o $@ $<
$(HOSTB)/host/vm_page_test $(HOSTB)/host/kmem_test $(HOSTB)/host/multiboot_test \
    $(HOSTB)/host/tunable_test: \
	HOSTINC = -Itests/host/include -I.
$(HOSTB)/host/libk_test: HOSTINC = -I.
$(HOSTB)/host/libk_test: kern/lib/div64.c
$(HOSTB)/host/sf_size_test: HOSTINC = -Itests/host/include -I. -I$(I)
$(HOSTB)/host/sf_size_test: | $(I)/machine
$(HOSTB)/host/acpi_test: HOSTINC = -Itests/host/include -I. -I$(I)
$(HOSTB)/host/acpi_test: | $(I)/machine
$(HOSTB)/host/acpi_test: arch/i386/pc/acpi_tables.c arch/i386/include/acpi.h

# The parsers of foreign input, against what is kept of it; and against what
# libFuzzer thinks of.
FUZZINC	= -Itests/host/include -I. -I$(I)
FUZZSRC	= arch/i386/pc/acpi_tables.c boot/multiboot.c kern/console/lineedit.c kern/tunable.c
$(HOSTB)/host/fuzz_%: tests/fuzz/%.c tests/fuzz/replay.c tests/fuzz/fuzz.h \
    $(FUZZSRC) | need-test $(I)/machine
	@mkdir -p $(@D)
	@echo "HOSTCC $<"
	$(Q)$(CC) $(HOSTCFLAGS) $(FUZZINC) -DCORPUS='"tests/fuzz/corpus/$*"' \
	    -o $@ $< tests/fuzz/replay.c

build/fuzz/%: tests/fuzz/%.c tests/fuzz/fuzz.h $(FUZZSRC) | $(I)/machine
	@sh scripts/need clang libfuzzer
	@mkdir -p $(@D)
	@echo "FUZZCC $<"
	$(Q)clang -std=gnu11 -Wall -Wextra -g -O1 $(FUZZINC) \
	    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	    -o $@ $<

fuzz: $(PARSERS:%=build/fuzz/%)	## looks for input that a parser does not bear
	$(Q)sh scripts/fuzz $(or $(SECONDS),10) $(PARSERS)

need-test:
	@sh scripts/need $(TESTTOOLS)

run debug gdb iso: export KERNEL = $(B)/mayfly.elf

run: all			## boots FILE as a module and digests it
	$(Q)sh scripts/run-file

# All images, whatever DEBUG= says: the table of machines has rows for each.
images:
	$(Q)$(MAKE) --no-print-directory DEBUG=1 all
	$(Q)$(MAKE) --no-print-directory DEBUG=0 all
	$(Q)$(MAKE) --no-print-directory DEBUG=1 VARIANT=ubsan all

# $(call prove,TESTS,ROWS,REMOVE), where REMOVE is what goes first.  One make at
# a time tests: all of them use these files.
define prove
	@exec 9>build/testing; flock -n 9 || { \
	    echo 'tests are running in this tree already' >&2; exit 1; }; \
	rm -rf build/rows build/skipped build/failed $(3); \
	mkdir -p build/rows; \
	: >build/skipped; : >build/failed; \
	for r in $(2); do : > build/rows/$$r; done; \
	prove -j2 --exec 'sh scripts/run-test' $(1) \
	    $(patsubst %,build/rows/%,$(2)) 9>&-; \
	status=$$?; \
	skipped=$$(wc -l <build/skipped); failed=$$(wc -l <build/failed); \
	[ $$skipped -eq 0 ] || echo 'Skipped:' $$(sort build/skipped); \
	[ $$failed -eq 0 ] || echo 'Failed:' $$(sort build/failed); \
	grep -h '^# [0-9]* schedules' build/logs/*.tap 2>/dev/null; \
	echo "$$(($(words $(1) $(2)) - skipped - failed)) passed," \
	    "$$failed failed, $$skipped skipped"; \
	exit $$status
endef

test: need-test images $(filter $(HOSTB)/host/%,$(TESTS))	## tests: host programs, then machines
	$(call prove,$(TESTS),$(call rows,test),build/logs)

# Two at a time, each in a copy of the tree.
test-the-tests: need-test images $(HOSTB)/sim/simulate	## plants faults that the tests must catch
test-the-tests: $(filter $(HOSTB)/host/%,$(TESTS))
	@rm -rf build/faults && mkdir -p build/faults
	@: >build/faults/0of2; : >build/faults/1of2
	@prove -j2 -v --exec 'perl tests/faults/run' build/faults/*of2

test-rows: need-test images	## the rows that are too large for make test
	$(call prove,,$(call rows,all))

test-all: SECONDS = 60
test-all:			## all tests there are
	$(Q)MAKE='$(MAKE) SECONDS=$(SECONDS)' sh scripts/test-all $(ALLTARGETS)

layers: all			## which folder uses which, and the largest circle
	@sh scripts/need perl $(CROSS)nm
	$(Q)NM=$(CROSS)nm perl scripts/layers scripts/layers.tsv $(B)/objects

bench: release			## measures a part; tables on the terminal
	$(if $(BENCH),$(error BENCH=$(BENCH): that is for make performance))
	$(Q)BENCH=quick sh scripts/bench

performance: images		## measures all, into docs/performance
	$(Q)BENCH=$(or $(BENCH),full) sh scripts/bench

bench-budget: all release	## instructions of each operation, and ceilings
	$(Q)sh tests/bench/budget.t

test-bochs: need-test images	## the rows of the table that boot in Bochs
	@sh scripts/need bochs
	$(call prove,,$(call rows,bochs))

model:				## the protocols' models, checked by spin
	$(Q)CC=$(CC) sh tests/model/run

iso: all			## build/mayfly.iso: GRUB, the kernel and FILE
	$(Q)sh scripts/iso $(B)/mayfly.iso
	@ls -l $(B)/mayfly.iso

release:			## build/release/mayfly.elf, without -DDEBUG
	$(Q)$(MAKE) --no-print-directory DEBUG=0 all

# Less than about 3 GB of memory keeps scripts/qemu on qemu-system-i386, whose
# registers agree with the architecture that gdb is told.
debug: all			## QEMU waits for gdb on GDBPORT
	@echo 'To connect: make gdb (or scripts/gdb GDB-ARGUMENTS)'
	$(Q)MEM=$${MEM:-512M} sh scripts/qemu \
	    -gdb "tcp:localhost:$${GDBPORT:-1234}" -S

gdb: all			## gdb at what make debug started
	$(Q)sh scripts/gdb

test-gdb: need-test images	## gdb's commands, at a running kernel
	@sh scripts/need gdb
	$(call prove,tests/gdb.t,)

clean:				## removes build/ and compile_commands.json
	rm -rf build compile_commands.json

help:				## this list
	@echo 'Targets:'
	@sed -n 's/^\([a-z-]*\):[^#]*## /    \1	/p' Makefile $(wildcard tests/*/*.mk) | expand -t 24
	@echo 'Variables and their defaults:'
	@sed -n 's/^#: \([^	]*\)	*/    \1	/p' Makefile $(wildcard tests/*/*.mk) | expand -t 32

include tests/sim/sim.mk
include tests/coverage/coverage.mk

-include $(OBJS:.o=.d)
.PHONY: test-the-tests
.PHONY: all objects images run test test-rows test-all test-bochs iso release debug
.PHONY: clean help need-test force layers
.PHONY: fuzz gdb test-gdb
.PHONY: bench bench-budget performance model
