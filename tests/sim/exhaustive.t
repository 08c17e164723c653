#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Every schedule of small work with at most two decisions.
exec build/sim/simulate -j 1 -x 2
