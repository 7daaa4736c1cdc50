#!/usr/bin/env bash
# daemon.bash: a posternd of a test's own, with its state, its socket and its log in $dir; sourced
# after checks.bash. As root it becomes nobody where it would become postern.
# shellcheck disable=SC2034,SC2154 # the variables are the tests' own

daemon=${postern}d
conf_file=$dir/postern.conf
log=$dir/logs/mail.log
said=$dir/posternd.log

# Settings beyond these are the arguments, one a line.
write_config() {
	mkdir -p "$dir/logs" "$dir/jails"
	chmod 755 "$dir" "$dir/logs"
	cp jail.d/*.conf "$dir/jails"
	cat >"$conf_file" <<-END
		log = { "$log" }
		user = "nobody"
		group = "$(id -gn nobody)"
		state_dir = "$dir/state"
		run_dir = "$dir/run"
		logtarget = "$said"
		jails = "$dir/jails"
		filters = "$PWD/filters"
		geoip = ""
		asn = ""
	END
	printf '%s\n' "$@" >>"$conf_file"
}

start_daemon() { # ARGUMENT...
	"$daemon" -c "$conf_file" "$@" >>"$dir/daemon.out" 2>&1 &
	pid=$!
	wait_until 20 tool 0 status || tool 1 status
}
stop_daemon() {
	kill "$pid" && wait "$pid"
}
clean_up() {
	if [ -n "${pid:-}" ]; then
		pkill -9 -P "$pid"
		kill -9 "$pid"
		wait "$pid"
	fi 2>/dev/null
	rm -rf "$dir"
}
trap clean_up EXIT

tool() { # STATUS VERB ARGUMENT...
	local status=$1 verb=$2
	shift 2
	run "$status" "$verb" --socket "$dir/run/control" "$@"
}
has_said() { grep -qF -- "$1" "$said"; }
child() { pgrep -P "$pid" -x "postern-$1"; } # NAME: its process
is_calm() { # NAME TICKS: of processor time in two seconds, at most
	local before after process
	process=$(child "$1")
	before=$(awk '{ print $14 + $15 }' "/proc/$process/stat")
	sleep 2
	after=$(awk '{ print $14 + $15 }' "/proc/$process/stat")
	echo "$((after - before)) ticks in two seconds"
	[ $((after - before)) -le "$2" ]
}
json() { # VERB FILTER: what jq makes of its objects
	"$postern" "$1" --socket "$dir/run/control" --json | jq -s -e -r ".[] | $2"
}
