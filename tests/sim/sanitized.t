#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/sim/sanitized.t - run schedules of the small work and random ones under
# the address and undefined-behaviour sanitizers, which make a run five times as
# slow.  Prints TAP.
exec build/sim/simulate-san -j 1 -x 1 -n 50000
