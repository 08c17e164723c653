#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A million random schedules of the simulation.
exec build/sim/simulate -j 1 -n 1000000
