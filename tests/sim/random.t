#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/sim/random.t - run a million random schedules of the simulation.  Prints
# TAP.
exec build/sim/simulate -j 1 -n 1000000
