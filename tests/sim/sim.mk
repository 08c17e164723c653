# SPDX-License-Identifier: BSD-2-Clause
#
# The simulation of tests/sim: unchanged kernel sources, compiled for the host
# with the headers of tests/sim/include.  The Makefile includes this file.
# There are two programs: one with the sanitizers and one without, which is
# several times as fast.
#
# All variables of the kernel's files are in one section, whose initial contents
# the program restores before each run.
#
#: SEEDS=1000000		number of schedules that make simulate runs
#: SEED=		the only schedule, from 1, that it runs instead

SIMKERN	= $(wildcard sf_buf/*.c) kern/sync/lock.c kern/sched/idle.c \
	  vm/vm_page.c vm/vm_zone.c vm/vm_wire.c vm/vm_stat.c vm/vm_state.c \
	  vm/vm_held.c \
	  arch/i386/mmu/sf_pte.c tests/sim/kern_tlb.c
SIMSRC	= $(filter-out tests/sim/kern_tlb.c,$(wildcard tests/sim/*.c))
SIMFLAGS = -std=gnu11 -O2 -g -Wall -Wextra -fno-strict-aliasing \
	  -fno-pie -fno-omit-frame-pointer -DDEBUG -Dprintf=sim_printf \
	  -Dprintf_nosleep=sim_printf \
	  -Itests/sim/include -I. -I$(I)
SIMFLAGS += $(HOSTPLAIN) $(HOSTCFLAGS_$(VARIANT))
SIMSAN	= -fsanitize=address,undefined -fno-sanitize-recover=undefined
SIMLD	= -no-pie -Wl,--section-start=.sf_slots=0x53d3fff0 \
	  -Wl,--defsym=sf_slots=0x53d40000
SIMPROGS = $(HOSTB)/sim/simulate $(HOSTB)/sim/simulate-san
SIMTESTS = tests/sim/random.t tests/sim/sanitized.t
SEEDS	= 1000000

# $(call simrules,DIRECTORY,FLAGS): the simulation's own files call the host's
# printf(), the kernel's files sim_printf().
define simrules
$(HOSTB)/sim/$(1)/%.o: %.c tests/sim/sim.mk | $(I)/machine need-test
	@mkdir -p $$(@D)
	@echo "HOSTCC $$@"
	$(Q)$(CC) $(SIMFLAGS) $(2) $$(SIMOPT) -MMD -MP -c -o $$@ $$<
$(SIMSRC:%.c=$(HOSTB)/sim/$(1)/%.o): SIMOPT = -Uprintf
$(HOSTB)/sim/$(1)/kern.o: $(SIMKERN:%.c=$(HOSTB)/sim/$(1)/%.o) tests/sim/kern.ld
	$(Q)$(LD) -r -T tests/sim/kern.ld -o $$@ $$(filter %.o,$$^)
endef
$(eval $(call simrules,fast,))
$(eval $(call simrules,san,$(SIMSAN)))

$(HOSTB)/sim/simulate: $(HOSTB)/sim/fast/kern.o $(SIMSRC:%.c=$(HOSTB)/sim/fast/%.o)
	@echo "HOSTLD $@"
	$(Q)$(CC) $(SIMFLAGS) $(SIMLD) -o $@ $^
$(HOSTB)/sim/simulate-san: $(HOSTB)/sim/san/kern.o $(SIMSRC:%.c=$(HOSTB)/sim/san/%.o)
	@echo "HOSTLD $@"
	$(Q)$(CC) $(SIMFLAGS) $(SIMSAN) $(SIMLD) -o $@ $^

-include $(patsubst %.c,$(HOSTB)/sim/fast/%.d,$(SIMKERN) $(SIMSRC))
-include $(patsubst %.c,$(HOSTB)/sim/san/%.d,$(SIMKERN) $(SIMSRC))

simulate: $(SIMPROGS)		## runs schedules on a simulated hostile machine: 2 min
	$(Q)$(if $(SEED),$(HOSTB)/sim/simulate-san -s $(SEED), \
	    $(HOSTB)/sim/simulate -n $(SEEDS) && $(HOSTB)/sim/simulate -x 2)

TESTS	+= $(SIMTESTS)

.PHONY: simulate
