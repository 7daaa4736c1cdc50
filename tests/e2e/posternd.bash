#!/usr/bin/env bash
# posternd.bash: a posternd of a test's own beside real servers; sourced after world.bash.
# shellcheck disable=SC2034,SC2154 # the variables are the tests' own

. tests/daemon.bash # for its helpers; the configuration is our own
conf_file=$here/postern.conf
said=$here/posternd.log

# Jails of the test's own come from standard input. Settings beyond these are the arguments, one a line.
configure() { # SETTING...
	local built=build/plain/actions geoip=
	[ ! -e "$here/country.mmdb" ] || geoip=$here/country.mmdb
	[ -z "${POSTERN:-}" ] || built=$(dirname "$POSTERN")/actions
	mkdir -m 755 "$here/jails" "$here/plugins"
	cp jail.d/*.conf "$here/jails"
	cp "$built"/*.so "$here/plugins"
	cat >"$here/jails/zz-test.conf"
	echo 'postern:x:990:990::/nonexistent:/usr/sbin/nologin' >>/etc/passwd
	echo 'postern:x:990:' >>/etc/group
	cat >"$conf_file" <<-END
		state_dir = "$here/state"
		run_dir = "$here/control"
		logtarget = "$said"
		jails = "$here/jails"
		filters = "$PWD/filters"
		plugins = "$here/plugins"
		geoip = "$geoip"
		asn = ""
		checkpoint = 1s
	END
	printf '%s\n' "$@" >>"$conf_file"
}
start_ours() {
	: >"$said"
	"$daemon" -c "$conf_file" --from-start >>"$here/daemon.out" 2>&1 &
	pid=$!
}
is_ready() {
	wait_for has_said "is ready" || { cat "$here/daemon.out" "$said" && return 1; }
}
# As power goes: nothing gets to save anything.
kill_ours() {
	pkill -9 -P "$pid"
	kill -9 "$pid"
	wait "$pid" 2>/dev/null
}

tool() { # STATUS VERB ARGUMENT...
	local status=$1 verb=$2
	shift 2
	run "$status" "$verb" --socket "$here/control/control" "$@"
}
answer() { # VERB ARGUMENT...: its objects, a line each
	local verb=$1
	shift
	"$postern" "$verb" --socket "$here/control/control" --json "$@"
}
state_of() { # ACTION: how it stands with the victim's decision
	answer history "$victim" | jq -s -r --arg a "$1" \
		'first(.[].decision | select(. and .user and .state == "active")) | .actions[] | select(.action == $a) | .state'
}
is_applied() { [ "$(state_of "$1")" = applied ]; }

# Addresses in the kernel's sets, as text.
banned() {
	nft -j list table inet postern 2>/dev/null | jq -r '.nftables[].set | objects | select(.name != "ports") | .elem // empty | .[]
		| if type == "object" then .elem.val // . else . end
		| if type == "object" then .prefix.addr // . else . end' | sort
}
none() { [ -z "$("$@")" ]; }
some() { [ -n "$("$@")" ]; }
many() { [ "$1" -ge "$2" ]; }
