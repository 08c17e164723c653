#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/judges/model.t - test tests/model/run, which judges the models, with a
# spin whose checkers print what they are told.  Prints TAP.

. "$(dirname "$0")/lib.sh"
cp -r "$top/tests/model" tests/model
program spin <<'END'
#!/bin/sh
exit "$(cat "$SPIN")"
END
program gcc <<'END'
#!/bin/sh
[ "$1" != -E ] || exit 0
cp "$PAN" pan
END
export SPIN="$tree/spin" PAN="$tree/pan"
echo 0 >spin

# pan ERRORS LINE...: the checker that all models become.
pan()
{
	errors=$1
	shift
	cat >pan <<-END
	#!/bin/sh
	cat <<-'OUT'
	$(printf '%s\n' "$@")
	State-vector 100 byte, depth reached 9, errors: $errors
	     1000 states, stored
	pan: elapsed time 1 seconds
	OUT
	END
	chmod +x pan
}

# The first check of the list must come out right; the last is a model with a
# rule taken out, in which an error must be found.
last=$(grep -c '^	\(right\|wrong\)|' tests/model/run)
right()
{
	check "$1" 0 "$2" sh tests/model/run 1
}
wrong()
{
	check "$1" 0 "$2" sh tests/model/run "$last"
}
pan 0
right 'a sound model' '^ok 1 - '
wrong 'a broken model in which nothing is found' \
    "^not ok $last - wrong expected"
pan 1 'pan:1: assertion violated (x == y) (at depth 9)'
wrong 'a broken model' "^ok $last - caught, "
right 'a sound model in which an error is found' '^not ok 1 - right expected'
pan 1 'pan:1: invalid end state (at depth 9)'
wrong 'a broken model that stops' "^ok $last - caught, "
right 'a sound model that stops' '^not ok 1 - right expected'
pan 1 'pan:1: something else'
wrong 'a broken model with another error' "^not ok $last - wrong expected"
for reason in 'Warning: Search not completed' \
    'error: max search depth too small' 'pan: out of memory'; do
	pan 0 "$reason"
	right "a sound model, but: $reason" '^not ok 1 - .*not finished'
	wrong "a broken model, but: $reason" "^not ok $last - .*not finished"
done
printf '#!/bin/sh\nexit 0\n' >pan
right 'a checker that prints nothing' '^not ok 1 - .*not finished'
wrong 'a checker of a broken model that prints nothing' \
    "^not ok $last - .*not finished"
printf '#!/bin/sh\nsleep 30\n' >pan
check 'a checker that does not end' 0 '^not ok 1 - .*not finished' \
    env MAYFLY_SECONDS_EACH=1 sh tests/model/run 1
echo 1 >spin
right 'a model that spin refuses' '^not ok 1 - .*no checker'
echo 0 >spin
rm pan
right 'a checker that does not compile' '^not ok 1 - .*no checker'

# All checks at once: half of them fail.
pan 0
check 'some checks fail' 1 '^ok 1 - ' sh tests/model/run
also 'and some do not' "^not ok $last - "
also 'all are planned' "^1\\.\\.$last\$"
echo "1..$n"
