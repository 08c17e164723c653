# SPDX-License-Identifier: BSD-2-Clause
#
# Which lines the tests execute: docs/testing.md.  Included by the Makefile.
# With gcc alone: what counts, and what reads it, are gcc's.

COVERAGE = $(filter build/host/%,$(TESTS:$(HOSTB)/host/%=build/host/%))

coverage: need-test		## runs tests with counters; lines by file
	$(Q)$(MAKE) --no-print-directory DEBUG=1 VARIANT=gcov CC=gcc all \
	    $(COVERAGE:build/%=build/gcov/%) build/gcov/sim/simulate
	$(Q)sh tests/coverage/run $(COVERAGE:build/%=build/gcov/%)

.PHONY: coverage
