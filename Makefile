# SPDX-License-Identifier: BSD-2-Clause
#
# mayfly: `make help` lists the targets and variables.  This file owns the
# flags and the dependencies.  The scripts in scripts/ boot the image.
#
# The variables of the table below are taken from make's command line only.  For
# the scripts each of them that is set there is exported as MAYFLY_NAME; what
# else the environment calls CPU or FILE is not ours.
#
#: SMP=4		CPUs
#: MEM=5G		memory, with a suffix of M or G
#: CPU=			QEMU's CPU model; empty is QEMU's own default
#: MACHINE=pc		QEMU's machine type, pc or q35
#: APPEND=		the kernel's command line
#: FILE=		the boot module; empty is none, unset the kernel itself
#: PROG=		run: a static program for Linux on i386; FILE is then none, or
#:		several files, separated by blanks: its /boot/NAME
#: ARGS=		the program's arguments, quoted as for a shell
#: STATS=		1 prints the kernel's counters behind a program
#: SYSROOT=build/sysroot	what programs are built from: scripts/sysroot
#: ACCEL_THREAD=multi	or single: one host thread for all CPUs
#: SERIAL=stdio		or none: a machine without a serial port
#: LOG=build/run.log	where make run keeps the serial port's output
#: BOOT=kernel		what loads it: kernel (QEMU itself) or iso (GRUB)
#: CC=gcc		gcc or clang
#: CROSS=		prefix of gcc, ld and nm, such as i686-linux-gnu-
#: LD=ld		the linker
#: NASM=nasm		the assembler
#: DEBUG=1		0 builds the release image, without -DDEBUG
#: VARIANT=		ubsan: panics at undefined behaviour; gcov: counts lines
#: LIMIT=600		seconds after which a row of tests/matrix.tsv fails; 3600 for run
#: GDBPORT=1234		TCP port at which QEMU waits for gdb
#: SECONDS=10		time of make fuzz for each parser; 60 in test-all
#: PART=			K/N: the K-th of N parts of make test-the-tests
#: BENCH=		what make performance makes: exact, time, report
#: V=			1 shows the commands
#
# build/ has the debug image and its objects, build/release/ those of the
# release image, build/ubsan/ those of a debug image that panics at undefined
# behaviour (VARIANT=ubsan), build/gcov/ those of one that counts how often
# each line is executed (VARIANT=gcov).

.DEFAULT_GOAL := all
GIVEN	:= $(foreach v,$(.VARIABLES),$(if $(filter command,$(origin $v)),$v))
GIVEN	:= $(filter-out MAKE% SHELL -%,$(GIVEN))
KNOWN	:= $(shell sed -n 's/^[#]: \([A-Z_]*\)=.*/\1/p' Makefile \
	  tests/sim/sim.mk)
KNOWN	+= DEBUGINFO		# tests/mutate/run empties it
ifneq ($(filter-out $(KNOWN),$(GIVEN)),)
$(error $(filter-out $(KNOWN),$(GIVEN)): no such variable; make help lists them)
endif
# With -e the environment's CFLAGS would replace those below, and with -i a
# failed test would not fail.
SHORT	:= $(filter-out --%,$(firstword -$(MAKEFLAGS)))
ifneq ($(findstring e,$(SHORT))$(findstring i,$(SHORT)),)
$(error make -$(SHORT:-%=%): neither -e nor -i works here (MAKEFLAGS))
endif
# Numbers are judged here, before anything is built for them.
number	= $(shell printf '%s\n' '$(subst ','\'',$($1))' | \
	  grep -x '[1-9][0-9]\{0,6\}')
$(foreach v,$(filter SECONDS SEEDS,$(GIVEN)),$(if $(call number,$v),, \
	$(error $v=$($v): not a number of 1 to 7 digits)))
ifneq ($(if $(filter BENCH,$(GIVEN)),$(BENCH)),)
ifeq ($(filter performance help,$(MAKECMDGOALS)),)
$(error BENCH=$(BENCH): that is for make performance)
endif
ifneq ($(BENCH),$(filter full exact time report,$(BENCH)))
$(error BENCH=$(BENCH): not full, exact, time or report)
endif
endif
# A value is passed on as it was given: a $ in it is no reference.
$(foreach v,$(GIVEN),$(eval export MAYFLY_$v := $$(value $v)))

# make takes even this one from the environment.
ifeq ($(origin MAKE),environment)
MAKE	= make
endif

# What would change the meaning of a tool; as in scripts/common, and variables
# of compilers that add flags or directories with headers.
unexport CDPATH GREP_OPTIONS POSIXLY_CORRECT AWKPATH AWKLIBPATH TAR_OPTIONS \
	GZIP NASMENV PERL5OPT PERL5LIB PERLLIB PERL_UNICODE HARNESS_OPTIONS \
	HARNESS_PERL_SWITCHES HARNESS_IGNORE_EXIT HARNESS_VERBOSE \
	GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE \
	CPATH C_INCLUDE_PATH DEPENDENCIES_OUTPUT SUNPRO_DEPENDENCIES \
	CCC_OVERRIDE_OPTIONS LDEMULATION
export LC_ALL = C

CC	= gcc
LD	= ld
NASM	= nasm
CROSS	=
DEBUG	= 1
V	=
BENCH	=
SEED	=
SECONDS	= 10
PART	=
SYSROOT	= build/sysroot
# Of the variables that are set for some files, variants and programs only, what
# the others get.
CFLAGS_	=
CFLAGS_release =
HOSTCFLAGS_ =
HOSTCFLAGS_release =
HOSTCFLAGS_ubsan =
HOSTINC	=
SIMOPT	=
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
# What distributions turn on in their compilers, for programs: none of it works
# without a C library, or it adds instructions.
PLAIN	= -fno-pic -fno-pie -fno-lto -fno-stack-protector -fcf-protection=none \
	  -fno-stack-clash-protection -U_FORTIFY_SOURCE -fno-common \
	  -fno-unwind-tables -fno-asynchronous-unwind-tables \
	  -fno-sanitize=all $(NEWFLAGS)
# Of these each is given to a compiler that knows it, which is asked once.
NEWFLAGS = $(eval NEWFLAGS := $(shell for flag in \
	  -fzero-call-used-regs=skip -ftrivial-auto-var-init=uninitialized \
	  -mindirect-branch=keep -mfunction-return=keep -mno-retpoline \
	  -fno-hardened; do \
	  $(CROSS)$(CC) -Werror -m32 $$flag -fsyntax-only -x c /dev/null \
	  2>/dev/null && echo $$flag; done))$(NEWFLAGS)
CFLAGS	= -m32 -march=i686 -mtune=generic -mregparm=3 $(STACKALIGN) \
	  -std=gnu11 -O2 $(GCCFLAGS) $(DEBUGINFO) -ffreestanding $(PLAIN) \
	  -mgeneral-regs-only -fno-omit-frame-pointer \
	  -fno-strict-aliasing -fno-optimize-sibling-calls -fno-builtin \
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
NASMFLAGS = -f elf32 -g -F dwarf
LDFLAGS	= -m elf_i386 -nostdlib -static -no-pie --build-id=none \
	  --no-gc-sections -z noexecstack -z norelro -z max-page-size=4096
LINK	= $(CROSS)$(LD) $(LDFLAGS) --compress-debug-sections=zlib -T linker.ld
KSYMS	= sh scripts/ksyms NM='$(CROSS)nm'
# Programs for the host: their sources are included in each other, or linked by
# ld -r, which is not for LTO; and _FORTIFY_SOURCE wants -O.
HOSTPLAIN = -fno-lto -U_FORTIFY_SOURCE
HOSTCFLAGS = -std=gnu11 -Wall -Wextra -g $(HOSTPLAIN) \
	  $(or $(HOSTCFLAGS_$(VARIANT)),$(SANITIZE))
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all
HOSTCFLAGS_gcov = -O0 --coverage -fdata-sections

include $(wildcard user/user.mk)

# The folders of the kernel, from the lowest storey up, and the tests.
DIRS	= boot arch/i386/mmu arch/i386/trap arch/i386/smp arch/i386/pc \
	  kern/lib kern/sync kern/sched kern/debug kern/console kern \
	  vm arch/i386/space sf_buf vm/map ipc task tests tests/digest tests/bench
CSRC	= $(filter-out $(VARIANTSRC),$(wildcard $(DIRS:%=%/*.c)))
# Sources of one variant only.
VARIANTSRC = $(filter-out %/$(VARIANT).c %/$(VARIANT)_test.c, \
	  kern/debug/gcov.c kern/debug/ubsan.c tests/ubsan_test.c)
ASRC	= $(filter-out $(if $(USRC),,task/personality.asm), \
	  $(wildcard $(DIRS:%=%/*.asm)))
OBJS	= $(CSRC:%.c=$(B)/%.o) $(ASRC:%.asm=$(B)/%.o)
FAULTS	= $(shell sed -n 's/,/ /g; s/^if_fault //p' tests/boot/chain.asm | \
	  sed 's/;.*//' | tr -s ' \t' '\n\n' | sort -u)
CHAINS	= $(FAULTS:%=$(B)/tests/%.elf)
# $(call rows,SET): the rows of the table of machines that are in SET.
rows	= $(shell awk -F '\t' '/^[0-9a-z]/ && $$NF == "$(1)" { print $$1 }' \
	  tests/matrix.tsv)
HOSTT	= $(patsubst tests/host/%.c,$(HOSTB)/host/%,$(wildcard tests/host/*.c))
PARSERS	= acpi cmdline elf lineedit multiboot

# What of the proof of user mode runs in ring 3: static programs with musl.  They
# run on Linux as well.
USERTESTS = $(patsubst tests/user/%.c,build/tests/user/%, \
	  $(wildcard tests/user/*.c))
$(USERTESTS): build/tests/user/%: tests/user/%.c $(wildcard tests/user/*.h) \
    sys/abi/call.h | $(SYSROOT)/bin/gcc
	@mkdir -p $(@D)
	@echo "MUSLCC $@"
	$(Q)CC='$(CROSS)$(CC)' $(SYSROOT)/bin/gcc -std=gnu11 -O2 -g -Wall -Wextra -o $@ $<

$(SYSROOT)/bin/gcc:
	@echo "FETCH $(SYSROOT)"
	@mkdir -p $(SYSROOT)
	$(Q)sh scripts/sysroot $(SYSROOT)

# A file that is no program, beside them.
build/tests/user/text: tests/user/text
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)cp $< $@

user-tests: $(USERTESTS) build/tests/user/text	## builds tests/user/*.c for ring 3, and for Linux

# Programs that print TAP, which make test runs before the machines.
TESTS	= tests/run-file.t tests/run-prog.t $(HOSTT)
TESTS	+= $(PARSERS:%=$(HOSTB)/host/fuzz_%)
TESTS	+= tests/pairwise.t tests/ktap.t tests/layers.t
TESTS	+= tests/monitor.t tests/exit.t tests/manual.t tests/scripts.t
TESTS	+= tests/compiler.t tests/throttled.t
TESTS	+= tests/user.t
TESTS	+= tests/bench/budget.t tests/bench/user_budget.t
TESTS	+= tests/bench/published.t
TESTS	+= $(wildcard tests/judges/*.t)
# The targets of make test-all: make test, and those that take longer or need
# more tools.
ALLTARGETS = test test-rows
ALLTARGETS += simulate
ALLTARGETS += test-bochs
ALLTARGETS += test-gdb
ALLTARGETS += coverage
ALLTARGETS += fuzz
ALLTARGETS += fuzz-calls
ALLTARGETS += model
ALLTARGETS += test-the-tests

TOOLS	= $(firstword $(CROSS)$(CC)) $(CROSS)$(LD) $(CROSS)nm $(NASM)
TESTTOOLS = $(TOOLS) @test

# The lock admits one make at a time: two would read each other's half-written
# files.
all:				## builds the kernel (plain make does): 20 s
	@sh scripts/need flock
	@mkdir -p build 2>/dev/null; [ -w build ] || { \
	    echo 'build/ cannot be written: build in a copy of this tree' >&2; \
	    exit 2; }
	$(Q)flock build/lock $(MAKE) --no-print-directory objects $(TOSTDERR)
# Standard output is a program's.
TOSTDERR = $(if $(filter PROG,$(GIVEN)),>&2)

objects: $(B)/mayfly.elf
ifneq ($(filter build build/gcov,$(B)),)
objects: $(CHAINS)
endif
ifeq ($(B),build)
objects: compile_commands.json
endif

$(B)/mayfly.elf: $(OBJS) $(B)/objects $(B)/ksyms.o linker.ld
	@echo "LD  $@"
	$(Q)$(LINK) -o $@.tmp $(OBJS) $(B)/ksyms.o
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
	$(Q)$(NASM) $(NASMFLAGS) -o $(B)/ksyms0.o $(B)/ksyms0.asm
	$(Q)$(LINK) -o $(B)/ksyms0.elf $(OBJS) $(B)/ksyms0.o
	$(Q)$(KSYMS) $(B)/ksyms0.elf >$@.tmp && mv $@.tmp $@

$(B)/ksyms.o: $(B)/ksyms.asm
	$(Q)$(NASM) $(NASMFLAGS) -o $@ $<

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
	@echo "CC  $@"
	$(Q)$(FLAGS) $(CFLAGS_$<) -MMD -MP -c -o $@ $<

# The personality is a part of the kernel's image, without its symbols.
$(B)/user/personality: $(UOBJS) user/user.ld
	@echo "LD  $@"
	$(Q)$(CROSS)$(LD) $(LDFLAGS) --strip-all -T user/user.ld -o $@ $(UOBJS)
$(B)/task/personality.o: $(B)/user/personality
$(B)/task/personality.o: NASMFLAGS += -DPERSONALITY='"$(B)/user/personality"'

$(B)/%.o: %.asm $(B)/flags
	@mkdir -p $(@D)
	@echo "ASM $@"
	$(Q)$(NASM) $(NASMFLAGS) -o $@ $<

$(B)/arch/i386/trap/exception.o $(B)/arch/i386/trap/ring3.o: \
	arch/i386/trap/ring3.inc

# Images that act as a faulty loader or firmware, one for each fault, for BOOT=.
$(CHAINS): $(B)/tests/%.elf: tests/boot/chain.asm $(B)/flags
	@mkdir -p $(@D)
	$(Q)$(NASM) $(NASMFLAGS) -D FAULT=$* -o $(@:.elf=.chain.o) $<
	$(Q)$(CROSS)$(LD) $(LDFLAGS) -Ttext=0x2000000 -o $@ $(@:.elf=.chain.o)

# For editors: a JSON object for each source, with its flags.
compile_commands.json: $(CSRC) $(B)/flags
	@printf '%s\n' $(foreach f,$(CSRC),'$(f) $(CFLAGS_$(f))') | \
	    DIR="$$(pwd)" FLAGS='$(FLAGS)' awk 'BEGIN { \
		dir = ENVIRON["DIR"]; gsub(/[\\"]/, "\\\\&", dir); \
		printf "[" \
	    } { \
		file = $$1; $$1 = ""; \
		printf "%s\n{ \"directory\": \"%s\",\n", (NR > 1 ? "," : ""), dir; \
		printf "  \"file\": \"%s\",\n", file; \
		printf "  \"command\": \"%s%s -c %s\" }", \
		    ENVIRON["FLAGS"], $$0, file \
	    } END { print "\n]" }' >$@.tmp && mv $@.tmp $@

$(HOSTB)/host/libk_test: HOSTCFLAGS += -fno-builtin -Wno-unknown-pragmas
$(HOSTB)/host/%: tests/host/%.c tests/host/harness.h \
    $(wildcard $(DIRS:%=%/*.[ch]) sys/*.h) \
    | need-test
	@mkdir -p $(@D)
	@echo "HOSTCC $@"
	$(Q)$(CC) $(HOSTCFLAGS) $(HOSTINC) -o $@ $<
$(HOSTB)/host/vm_page_test $(HOSTB)/host/kmem_test $(HOSTB)/host/multiboot_test \
    $(HOSTB)/host/mbuf_test $(HOSTB)/host/tunable_test: \
	HOSTINC = -Itests/host/include -I.
$(HOSTB)/host/libk_test: HOSTINC = -I.
$(HOSTB)/host/elf_test: HOSTINC = -I.
$(HOSTB)/host/elf_test: user/elf.c user/elf.h
$(HOSTB)/host/libk_test: kern/lib/div64.c
# The symbols of the kernel's image are absolute.
$(HOSTB)/host/ram_test: HOSTINC = -Itests/host/include -I. -I$(I)
$(HOSTB)/host/ram_test: HOSTCFLAGS += -fno-pie -no-pie
$(HOSTB)/host/ram_test: | $(I)/machine
$(HOSTB)/host/sf_size_test: HOSTINC = -Itests/host/include -I. -I$(I)
$(HOSTB)/host/sf_size_test: | $(I)/machine
$(HOSTB)/host/ring_test: HOSTINC = -Itests/host/include -I. -I$(I)
$(HOSTB)/host/ring_test: HOSTCFLAGS += -fno-pie -no-pie
$(HOSTB)/host/ring_test: | $(I)/machine
$(HOSTB)/host/clock_test $(HOSTB)/host/sleep_test: \
	HOSTINC = -Itests/host/include -I. -I$(I)
$(HOSTB)/host/clock_test $(HOSTB)/host/sleep_test: | $(I)/machine
# The sanitizers do not know the coroutines' stacks.
$(HOSTB)/host/sleep_test: HOSTCFLAGS += -O1 -fno-sanitize=all
$(HOSTB)/host/console_test: HOSTINC = -Itests/host/include -I. -I$(I)
$(HOSTB)/host/console_test: | $(I)/machine
$(HOSTB)/host/lineedit_test: HOSTINC = -Itests/host/include -I.
$(HOSTB)/host/deadline_test: HOSTINC = -Itests/host/include -I. -I$(I)
$(HOSTB)/host/deadline_test: | $(I)/machine
$(HOSTB)/host/printf_test: HOSTINC = -Itests/host/include -I. -I$(I)
$(HOSTB)/host/printf_test: | $(I)/machine
$(HOSTB)/host/acpi_test: HOSTINC = -Itests/host/include -I. -I$(I)
$(HOSTB)/host/acpi_test: | $(I)/machine
$(HOSTB)/host/acpi_test: arch/i386/include/acpi.h

# The parsers of foreign input, each built twice: to replay the inputs kept in
# tests/fuzz/corpus, and for libFuzzer, which generates inputs.
FUZZINC	= -Itests/host/include -I. -I$(I)
FUZZSRC	= arch/i386/pc/acpi_find.c arch/i386/pc/acpi_tables.c \
	  $(wildcard boot/*.[ch]) \
	  kern/console/lineedit.c kern/tunable.c user/elf.c user/elf.h
$(HOSTB)/host/fuzz_%: tests/fuzz/%.c tests/fuzz/replay.c tests/fuzz/fuzz.h \
    $(FUZZSRC) | need-test $(I)/machine
	@mkdir -p $(@D)
	@echo "HOSTCC $@"
	$(Q)$(CC) $(HOSTCFLAGS) $(FUZZINC) -DCORPUS='"tests/fuzz/corpus/$*"' \
	    -o $@ $< tests/fuzz/replay.c

build/fuzz/%: tests/fuzz/%.c tests/fuzz/fuzz.h $(FUZZSRC) | $(I)/machine
	@sh scripts/need clang libfuzzer
	@mkdir -p $(@D)
	@echo "FUZZCC $@"
	$(Q)clang -std=gnu11 -Wall -Wextra -g -O1 $(FUZZINC) \
	    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	    -o $@ $<

fuzz: $(PARSERS:%=build/fuzz/%)	## searches for input on which a parser fails: 1 min
	$(Q)perl scripts/progress build/fuzz/running \
	    sh scripts/fuzz $(SECONDS) $(PARSERS)

fuzz-calls: images try-user-tests	## makes 10 million calls at random in ring 3: 20 min
	$(Q)sh scripts/fuzz-calls

need-test:
	@sh scripts/need $(TESTTOOLS)

run debug gdb iso: export MAYFLY_KERNEL = $(B)/mayfly.elf

run: all			## runs PROG, or boots FILE as a module and judges: 5 s
	$(Q)sh scripts/run-$(if $(filter PROG,$(GIVEN)),prog,file)

# Builds all images, whatever DEBUG= says: the table of machines has rows for
# each.
images:
	$(Q)$(MAKE) $(PARALLEL) --no-print-directory BENCH= DEBUG=1 all
	$(Q)$(MAKE) $(PARALLEL) --no-print-directory BENCH= DEBUG=0 all
	$(Q)$(MAKE) $(PARALLEL) --no-print-directory BENCH= DEBUG=1 VARIANT=ubsan all

# The programs of make test that run on the host.
programs: | need-test
	$(Q)$(MAKE) $(PARALLEL) --no-print-directory $(SIMPROGS) \
	    $(filter $(HOSTB)/host/%,$(TESTS))

# What make test builds it builds with as many compilers as there are CPUs,
# unless make was given a -j.
PARALLEL = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc \
	  2>/dev/null || echo 2))

# $(call prove,TESTS,ROWS): runs the tests and rows.
prove	= @sh scripts/run-tests $(1) $(patsubst %,build/rows/%,$(2))

# Programs for ring 3 are built if what they need can be fetched.  If not,
# tests/user.t is skipped, and says why.
try-user-tests:
	@mkdir -p build/tests
	@rm -f build/tests/no-user
	@[ -x $(SYSROOT)/bin/gcc ] || { \
	    echo "FETCH $(SYSROOT)"; \
	    timeout 300 sh scripts/sysroot $(SYSROOT) 2>build/tests/no-user; \
	} || { \
	    [ $$? -ne 124 ] || \
	        echo 'scripts/sysroot took 300 s' >>build/tests/no-user; \
	    cat build/tests/no-user >&2; \
	}
	$(Q)[ ! -x $(SYSROOT)/bin/gcc ] || \
	    $(MAKE) $(PARALLEL) --no-print-directory user-tests

test: need-test images programs try-user-tests	## runs host tests, boots machines: 8 min
	$(call prove,-c $(TESTS),$(call rows,test))

test-the-tests: need-test images programs try-user-tests	## plants faults that the tests must catch: 40 min
	@sh scripts/need git gawk busybox
	@perl scripts/progress build/faults/running perl tests/faults/run \
	    $(if $(PART),-p '$(PART)')

test-rows: need-test images	## boots the rows too large for make test: 5 min
	$(call prove,,$(call rows,all))

test-all: SECONDS = 60
test-all:			## runs all tests: 2 h
	$(Q)MAYFLY_MAKE='$(MAKE) SECONDS=$(SECONDS)' sh scripts/test-all $(ALLTARGETS)

layers: all			## checks which folder uses which: 1 s
	@sh scripts/need perl $(CROSS)nm
	$(Q)MAYFLY_NM=$(CROSS)nm perl scripts/layers scripts/layers.tsv $(B)/objects

bench: release			## runs some benchmarks; tables on the terminal: 3 min
	$(Q)perl scripts/progress build/bench/running sh scripts/bench BENCH=quick

performance: images		## runs all benchmarks; writes docs/performance: 15 min
	$(Q)perl scripts/progress build/bench/running \
	    sh scripts/bench BENCH=$(or $(BENCH),full)

bench-user: release user-tests	## counts what a program pays, here and on Linux: 2 min
	$(Q)sh scripts/bench-user >docs/performance/programs.new
	$(Q)mv docs/performance/programs.new docs/performance/programs.md
	$(Q)cat docs/performance/programs.md

bench-budget: all release	## compares instructions with their ceilings: 30 s
	$(Q)sh tests/bench/budget.t
	$(Q)sh tests/bench/user_budget.t

test-bochs: need-test images	## boots the table's rows for Bochs: 5 min
	@sh scripts/need bochs
	$(call prove,,$(call rows,bochs))

model:				## checks the models of the protocols with spin: 3 min
	$(Q)perl scripts/progress build/model/running sh tests/model/run

iso: all			## makes build/mayfly.iso: GRUB, kernel and FILE
	$(Q)sh scripts/iso $(B)/mayfly.iso
	@ls -l $(B)/mayfly.iso

release:			## builds the release image, without -DDEBUG
	$(Q)$(MAKE) --no-print-directory DEBUG=0 all

debug: all			## starts QEMU, which waits for gdb on GDBPORT
	$(Q)sh scripts/debug

gdb: all			## connects gdb to the kernel of make debug
	$(Q)sh scripts/gdb

test-gdb: need-test images	## tests gdb's commands at a running kernel
	@sh scripts/need gdb
	$(call prove,tests/gdb.t,)

clean:				## removes build/ and compile_commands.json
	rm -rf build compile_commands.json

help:				## prints this list
	@echo 'Targets, and how long they take on 2 quiet cores:'
	@sed -n 's/^\([a-z-]*\):[^#]*## /    \1	/p' Makefile $(wildcard tests/*/*.mk) | expand -t 24
	@echo 'Variables and their defaults:'
	@sed -n 's/^#: \([^	]*\)	*/    \1	/p' Makefile $(wildcard tests/*/*.mk) | expand -t 32

include tests/sim/sim.mk
include tests/coverage/coverage.mk

-include $(OBJS:.o=.d)
.PHONY: test-the-tests
.PHONY: all objects images programs run test test-rows test-all test-bochs iso release debug
.PHONY: clean help need-test force layers
.PHONY: user-tests try-user-tests bench-user fuzz-calls
.PHONY: fuzz gdb test-gdb
.PHONY: bench bench-budget performance model
