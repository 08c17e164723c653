# SPDX-License-Identifier: BSD-2-Clause
#
# make coverage shows which lines the tests execute: see docs/testing.md.  It
# needs gcc, which inserts the counters, and gcov, which reads them.  The
# Makefile includes this file.

COVERAGE = $(filter build/host/%,$(TESTS:$(HOSTB)/host/%=build/host/%))

coverage: need-test		## runs tests; prints which lines they run: 9 min
	$(Q)$(MAKE) --no-print-directory DEBUG=1 VARIANT=gcov CC=gcc all \
	    $(COVERAGE:build/%=build/gcov/%) build/gcov/sim/simulate
	$(Q)perl scripts/progress build/gcov/running \
	    sh tests/coverage/run $(COVERAGE:build/%=build/gcov/%)

.PHONY: coverage
