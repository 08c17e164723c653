#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/sim/exhaustive.t - run every schedule of the small work with at most two
# decisions.  Prints TAP.
exec build/sim/simulate -j 1 -x 2
