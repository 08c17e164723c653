#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/sim/random.t - run 300,000 random schedules of the simulation.  Prints
# TAP.
exec build/sim/simulate -j 1 -n 300000
