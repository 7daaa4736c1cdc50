#!/usr/bin/env bash
# checks.bash: what the shell tests share; sourced by them.
# shellcheck disable=SC2034 # the variables are the tests' own
#
# Every check prints "ok NAME" or "FAILED NAME" and what was seen. A test ends with `finish`.
export LC_ALL=C TZ=UTC NO_COLOR=1
# POSTERN=build/san/postern tests the sanitised program.
postern=${POSTERN:-./postern}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
failures=0

ok() { # NAME COMMAND...: the command succeeds
	local name=$1
	shift
	if "$@" >"$dir/check" 2>&1; then
		echo "ok $name"
	else
		echo "FAILED $name"
		head -n 20 "$dir/check"
		failures=$((failures + 1))
	fi
}

not() { ! "$@"; }

# Standard output goes to $dir/out, errors to $dir/err.
run() { # STATUS ARGUMENT...: postern with these arguments ends with this status
	local wanted=$1 got=0
	shift
	"$postern" "$@" >"$dir/out" 2>"$dir/err" || got=$?
	[ "$got" -eq "$wanted" ] && return
	echo "postern $* ended with status $got, not $wanted"
	head -n 15 "$dir/err" "$dir/out"
	return 1
}

says() { # STATUS TEXT ARGUMENT...: ends with the status; each part of TEXT ("A|B") is in an error
	local status=$1 part parts
	IFS='|' read -r -a parts <<<"$2"
	shift 2
	run "$status" "$@" || return 1
	for part in "${parts[@]}"; do
		grep -qF -- "$part" "$dir/err" && continue
		echo "postern $* did not say \"$part\", but:"
		head -n 15 "$dir/err"
		return 1
	done
}

wait_until() { # SECONDS COMMAND...: until it succeeds
	local tries=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $((tries -= 1)) -gt 0 ] || return 1
		sleep 0.1
	done
}

same() { # FILE FILE
	diff "$1" "$2" | head -n 20
	return "${PIPESTATUS[0]}"
}

finish() { exit $((failures > 0)); }
