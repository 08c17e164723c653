#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Random and small schedules under the address and undefined-behaviour
# sanitizers, which make a run five times as slow.
exec build/sim/simulate-san -j 1 -x 1 -n 50000
