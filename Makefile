# SPDX-License-Identifier: BSD-2-Clause
#
# mayfly: `make help` lists the targets and variables.  This file owns the
# flags and the dependencies.  The scripts in scripts/ boot the image.  They
# read these variables from their environment, to which make adds those set on
# its command line:
#
#: SMP=4		CPUs
#: MEM=5G		memory, with a suffix of M or G
#: CPU=			QEMU's CPU model; empty is QEMU's own default
#: MACHINE=pc		QEMU's machine type, pc or q35
#: APPEND=		the kernel's command line
#: FILE=		the boot module; empty is none, unset the kernel itself
#: ACCEL_THREAD=multi	or single: one host thread for all CPUs
#: SERIAL=stdio		or none: a machine without a serial port
#: LOG=build/run.log	where make run keeps the serial port's output
#: BOOT=kernel		what loads it: kernel (QEMU itself) or iso (GRUB)
#: CC=gcc		gcc or clang
#: CROSS=		prefix of gcc, ld and nm, such as i686-linux-gnu-
#: DEBUG=1		0 builds the release image, without -DDEBUG
#: VARIANT=		ubsan: panics at undefined behaviour; gcov: counts lines
#: GDBPORT=1234		TCP port at which QEMU waits for gdb
#: SECONDS=10		time of make fuzz for each parser; 60 in test-all
#: BENCH=		what make performance makes: exact, time, report
#: V=			1 shows the commands
#
# build/ has the debug image and its objects, build/release/ those of the
# release image, build/ubsan/ those of a debug image that panics at undefined
# behaviour (VARIANT=ubsan), build/gcov/ those of one that counts how often
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
# Programs for the host, with line counters or without.
HOSTB	= $(if $(filter gcov,$(VARIANT)),$(B),build)

# -mregparm=3 passes arguments in registers; the assembly files rely on it.
# -march=i686: the oldest CPU with PAE is a P6.  boot/early.c, which checks the
# CPU, is compiled for a 486 below.
# Stack alignment: 4 bytes, for no code here needs the 16 of the user ABI.
STACKALIGN = $(if $(findstring clang,$(CC)),-mstack-alignment=4,-mpreferred-stack-boundary=2)
# Location views are a fifth of gcc's debugging information, and gdb does not
# use them.
DEBUGINFO = -g $(if $(findstring clang,$(CC)),,-gno-variable-location-views)
# Where the inlined paths of sf_buf(9) meet, these two passes of gcc keep the
# handle in memory: 3 instructions of a miss.
GCCFLAGS = $(if $(findstring clang,$(CC)),,-fno-tree-pre -fno-tree-coalesce-vars)
CFLAGS	= -m32 -march=i686 -mtune=generic -mregparm=3 $(STACKALIGN) \
	  -std=gnu11 -O2 $(GCCFLAGS) $(DEBUGINFO) -ffreestanding -fno-pic -fno-pie \
	  -mgeneral-regs-only -fno-omit-frame-pointer -fno-stack-protector \
	  -fno-strict-aliasing -fno-optimize-sibling-calls \
	  -fno-asynchronous-unwind-tables -fno-builtin \
	  -Wall -Wextra -I. -I$(I) $(if $(filter 1,$(DEBUG)),-DDEBUG) \
	  $(CFLAGS_$(VARIANT))
CFLAGS_gcov = -DGCOV -O0 -fprofile-arcs -ftest-coverage -fprofile-info-section \
	  -fprofile-update=atomic
CFLAGS_ubsan = -fsanitize=undefined -fno-sanitize-recover=all
CFLAGS_boot/early.c = -march=i486 -fno-sanitize=all -fprofile-update=single
CFLAGS_kern/debug/gcov.c = -O2 -fno-profile-arcs -fno-test-coverage
CFLAGS_kern/debug/ubsan.c = -fno-sanitize=all
# This file has a pragma that only gcc knows and needs.
CFLAGS_kern/lib/string.c = -Wno-unknown-pragmas
LDFLAGS	= -m elf_i386 -nostdlib -z noexecstack \
	  --compress-debug-sections=zlib -T linker.ld
KSYMS	= NM='$(CROSS)nm' sh scripts/ksyms
HOSTCFLAGS = -std=gnu11 -Wall -Wextra -g \
	  $(or $(HOSTCFLAGS_$(VARIANT)),-fsanitize=address,undefined \
	  -fno-sanitize-recover=all)
HOSTCFLAGS_gcov = -O0 --coverage -fdata-sections

# The folders of the kernel, from the lowest storey up, and the tests.
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
# $(call rows,SET): the rows of the table of machines that are in SET.
rows	= $(shell awk -F '\t' '!/^\#/ && $$NF == "$(1)" { print $$1 }' \
	  tests/matrix.tsv)
HOSTT	= $(patsubst tests/host/%.c,$(HOSTB)/host/%,$(wildcard tests/host/*.c))
PARSERS	= acpi cmdline lineedit multiboot

# Programs that print TAP, which make test runs before the machines.
TESTS	= tests/run-file.t $(HOSTT)
TESTS	+= $(PARSERS:%=$(HOSTB)/host/fuzz_%)
TESTS	+= tests/pairwise.t tests/ktap.t tests/layers.t
TESTS	+= tests/monitor.t tests/manual.t
TESTS	+= tests/bench/budget.t tests/bench/published.t
# The targets of make test-all: make test, and those that take longer or need
# more tools.
ALLTARGETS = test test-rows
ALLTARGETS += test-bochs
ALLTARGETS += test-gdb
ALLTARGETS += coverage
ALLTARGETS += fuzz
ALLTARGETS += model
ALLTARGETS += test-the-tests

TOOLS	= $(firstword $(CROSS)$(CC)) $(CROSS)$(LD) $(CROSS)nm $(NASM)
TESTTOOLS = $(TOOLS) @test

# The lock admits one make at a time: two would read each other's half-written
# files.
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

# The first link has an empty symbol table; the table for the second link is
# made from its functions.  The table lies behind all else, so no function moves
# in the second link; the rule for mayfly.elf above checks that.
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

# All objects are built by one compiler with one set of flags: with another CC=
# all are built again.
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

# Images that act as a faulty loader or firmware, one for each fault, for BOOT=.
$(CHAINS): $(B)/tests/%.elf: tests/boot/chain.asm $(B)/flags
	@mkdir -p $(@D)
	$(Q)$(NASM) -f elf32 -D FAULT=$* -o $(@:.elf=.chain.o) $<
	$(Q)$(CROSS)$(LD) -m elf_i386 -z noexecstack -z max-page-size=4096 \
	    -Ttext=0x2000000 -o $@ $(@:.elf=.chain.o)

# For editors: a JSON object for each source, with its flags.
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
# The symbols of the kernel's image are absolute.
$(HOSTB)/host/ram_test: HOSTINC = -Itests/host/include -I. -I$(I) -no-pie
$(HOSTB)/host/ram_test: | $(I)/machine
$(HOSTB)/host/sf_size_test: HOSTINC = -Itests/host/include -I. -I$(I)
$(HOSTB)/host/sf_size_test: | $(I)/machine
$(HOSTB)/host/ring_test: HOSTINC = -Itests/host/include -I. -I$(I)
$(HOSTB)/host/ring_test: HOSTCFLAGS += -fno-pie -no-pie
$(HOSTB)/host/ring_test: | $(I)/machine
$(HOSTB)/host/console_test: HOSTINC = -Itests/host/include -I. -I$(I)
$(HOSTB)/host/console_test: | $(I)/machine
$(HOSTB)/host/lineedit_test: HOSTINC = -Itests/host/include -I.
$(HOSTB)/host/printf_test: HOSTINC = -Itests/host/include -I. -I$(I)
$(HOSTB)/host/printf_test: | $(I)/machine
$(HOSTB)/host/acpi_test: HOSTINC = -Itests/host/include -I. -I$(I)
$(HOSTB)/host/acpi_test: | $(I)/machine
$(HOSTB)/host/acpi_test: arch/i386/pc/acpi_tables.c arch/i386/include/acpi.h

# The parsers of foreign input, each built twice: to replay the inputs kept in
# tests/fuzz/corpus, and for libFuzzer, which generates inputs.
FUZZINC	= -Itests/host/include -I. -I$(I)
FUZZSRC	= arch/i386/pc/acpi_tables.c boot/multiboot.c boot/physmem.c \
	  kern/console/lineedit.c kern/tunable.c
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

fuzz: $(PARSERS:%=build/fuzz/%)	## searches for input on which a parser fails
	$(Q)sh scripts/fuzz $(or $(SECONDS),10) $(PARSERS)

need-test:
	@sh scripts/need $(TESTTOOLS)

run debug gdb iso: export KERNEL = $(B)/mayfly.elf

run: all			## boots FILE as a module and digests it
	$(Q)sh scripts/run-file

# Builds all images, whatever DEBUG= says: the table of machines has rows for
# each.
images:
	$(Q)$(MAKE) --no-print-directory DEBUG=1 all
	$(Q)$(MAKE) --no-print-directory DEBUG=0 all
	$(Q)$(MAKE) --no-print-directory DEBUG=1 VARIANT=ubsan all

# $(call prove,TESTS,ROWS,REMOVE): removes the directory REMOVE, then runs the
# tests and rows.  The lock admits one make at a time, for all of them use these
# files.
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

test: need-test images $(filter $(HOSTB)/host/%,$(TESTS))	## runs host tests, boots machines
	$(call prove,$(TESTS),$(call rows,test),build/logs)

# Two faults at a time, each in a copy of the tree.
test-the-tests: need-test images $(HOSTB)/sim/simulate	## plants faults that the tests must catch
test-the-tests: $(filter $(HOSTB)/host/%,$(TESTS))
	@rm -rf build/faults && mkdir -p build/faults
	@: >build/faults/0of2; : >build/faults/1of2
	@prove -j2 -v --exec 'perl tests/faults/run' build/faults/*of2

test-rows: need-test images	## boots the rows too large for make test
	$(call prove,,$(call rows,all))

test-all: SECONDS = 60
test-all:			## runs all tests
	$(Q)MAKE='$(MAKE) SECONDS=$(SECONDS)' sh scripts/test-all $(ALLTARGETS)

layers: all			## checks which folder uses which
	@sh scripts/need perl $(CROSS)nm
	$(Q)NM=$(CROSS)nm perl scripts/layers scripts/layers.tsv $(B)/objects

bench: release			## runs some benchmarks; tables on the terminal
	$(if $(BENCH),$(error BENCH=$(BENCH): that is for make performance))
	$(Q)BENCH=quick sh scripts/bench

performance: images		## runs all benchmarks; writes docs/performance
	$(Q)BENCH=$(or $(BENCH),full) sh scripts/bench

bench-budget: all release	## compares instructions with their ceilings
	$(Q)sh tests/bench/budget.t

test-bochs: need-test images	## boots the table's rows for Bochs
	@sh scripts/need bochs
	$(call prove,,$(call rows,bochs))

model:				## checks the models of the protocols with spin
	$(Q)CC=$(CC) sh tests/model/run

iso: all			## makes build/mayfly.iso: GRUB, kernel and FILE
	$(Q)sh scripts/iso $(B)/mayfly.iso
	@ls -l $(B)/mayfly.iso

release:			## builds the release image, without -DDEBUG
	$(Q)$(MAKE) --no-print-directory DEBUG=0 all

# With less than about 3 GB of memory scripts/qemu starts qemu-system-i386,
# whose registers are those of gdb's `set architecture i386'.
debug: all			## starts QEMU, which waits for gdb on GDBPORT
	@echo 'To connect: make gdb (or scripts/gdb GDB-ARGUMENTS)'
	$(Q)MEM=$${MEM:-512M} sh scripts/qemu \
	    -gdb "tcp:localhost:$${GDBPORT:-1234}" -S

gdb: all			## connects gdb to the kernel of make debug
	$(Q)sh scripts/gdb

test-gdb: need-test images	## tests gdb's commands at a running kernel
	@sh scripts/need gdb
	$(call prove,tests/gdb.t,)

clean:				## removes build/ and compile_commands.json
	rm -rf build compile_commands.json

help:				## prints this list
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
