#!/usr/bin/env bash
# restart.sh: posternd is killed at the worst moments: between a decision and its action, between two
# actions, in the middle of five thousand. What is in the kernel's sets afterwards has to be what
# `postern history` says is active, for as long as it says.
#
# There are no servers: the log is written by the test, the kernel is real.
# shellcheck disable=SC2016,SC2034,SC2154,SC2317 # programs are quoted; checks are called by name
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/e2e/world.bash
. tests/e2e/posternd.bash

log=$here/mail.log
attackers=4500 attackers6=500

now() { date "+%b %e %H:%M:%S"; }
# Failures of the attackers from FIRST to LAST, each at an account of its own.
attack() { # FIRST LAST
	awk -v first="$1" -v last="$2" -v v4="$attackers" -v now="$(now)" 'BEGIN {
		for (i = first; i <= last; i++)
			for (k = 0; k < 5; k++)
				printf "%s mail dovecot: imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<user%d@example.org>, method=PLAIN, rip=%s, lip=192.0.2.25, session=<s%d.%d>\n",
					now, i, i <= v4 ? "198.18." int(i / 250) "." i % 250 + 1 : sprintf("2001:db8:%x::%x", i, k + 1), i, k
	}' >>"$log"
}
# One address that tries six names: a spraying one, too.
spray() { # ADDRESS
	local i
	for i in {1..6}; do
		echo "$(now) mail dovecot: imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<other$i@example.org>, method=PLAIN, rip=$1, lip=192.0.2.25, session=<o$i>"
	done >>"$log"
}
log_in() { # USER ADDRESS
	echo "$(now) mail dovecot: imap-login: Login: user=<$1>, method=PLAIN, rip=$2, lip=192.0.2.25, mpid=1, session=<l$2>" >>"$log"
}

# "ADDRESS SECONDS" of each element: how long it stays; 0 is for good.
elements() {
	nft -j list table inet postern 2>/dev/null | jq -r '.nftables[].set | objects | select(.name != "ports") | .elem // empty | .[]
		| if type == "object" then .elem // . else { val: . } end
		| "\(.val | if type == "object" then .prefix.addr else . end) \(.expires // 0)"' | sort
}
# The same as the daemon has it, where each address is in one decision.
active() {
	answer history | jq -r --argjson now "$(date +%s)" '.decision | select(. and .ip and .state == "active")
		| "\(.ip | sub("/64$"; "")) \(if .until then (.until | sub("\\.[0-9]+Z$"; "Z") | fromdate) - $now else 0 end)"' | sort
}
# The same addresses, and their times within two seconds.
agree() {
	join -a 1 -a 2 -e none -o 0,1.2,2.2 <(elements) <(active) | awk '
		$2 == "none" || $3 == "none" || $2 - $3 > 2 || $3 - $2 > 2 { print "kernel and history differ:", $0; bad = 1 }
		END { exit bad }' && many "$(banned | wc -l)" "${1:-1}"
}
in_set() { banned | grep -qx -- "$1"; }
in_set_for() { # ADDRESS MOST: for so many seconds
	elements | awk -v address="$1" -v most="$2" '$1 == address { found = $2 > 0 && $2 <= most } END { exit !found }'
}
decided() { answer history "$1" | jq -s -e --arg jail "${2:-brute-force}" 'any(.[].decision; . and .state == "active" and .jail == $jail)'; }
task_is() { # SUBJECT ACTION STATE
	answer history "$1" | jq -s -e --arg action "$2" --arg state "$3" \
		'any(.[].decision.actions[]?; .action == $action and .state == $state)'
}

ip link set lo up
: >"$log"
configure "log = { \"$log\" }" <<-END
	jail "brute-force" {
	  bantime = 1h
	  actions = ban
	}
	jail "spraying" {
	  bantime = 2h
	  action "nftables:sprayers" {}
	}
	jail "stolen-account" {
	  action "nftables" {}
	  action "exec" { program = "/bin/true" }
	  action "mail" { sendmail = "/bin/true" }
	}
END
start_ours
ok "posternd is ready" is_ready

# -- between the decision and the action --------------------------------------------------------
# Its process is stopped, so that nothing happens before the kill.
one=198.18.200.1 other=198.18.200.2
pkill -STOP -P "$pid" -x postern-nftable
ok "ban, while nftables stands still" tool 0 ban $one for 10m
began=$SECONDS
kill_ours
ok "killed before anything was done" not in_set $one
start_ours
ok "begun again: the ban is done" wait_for in_set $one
ok "... for the time that is left" agree

# -- while it does not run ----------------------------------------------------------------------
ok "a short ban" tool 0 ban $other for 2s
ok "... is done" wait_for in_set $other
kill_ours
ok "killed, the ban ends by itself" wait_for not in_set $other
start_ours
ok "posternd is ready" is_ready
ok "... and stays so" not in_set $other

# -- in the middle of five thousand -------------------------------------------------------------
caught=0
for part in {1..5}; do
	before=$(banned | wc -l)
	attack $(((part - 1) * 1000 + 1)) $((part * 1000))
	until [ "$(nft list table inet postern | grep -o timeout | wc -l)" -gt "$before" ]; do :; done
	kill_ours
	[ "$(banned | wc -l)" -ge $((before + 1000)) ] || caught=$((caught + 1))
	start_ours
done
echo "killed in the middle $caught times of 5"
ok "all attackers are banned at last" wait_until 20 agree 5000
ok "... each once" [ "$(answer history | jq -r '.decision | select(.) | .ip' | sort | uniq -d | wc -l)" -eq 0 ]

# -- a reload, and a new kernel -----------------------------------------------------------------
nft monitor destroy elements >"$here/destroyed" &
monitor=$!
old_engine=$(child engine)
engine_is_new() { [ -n "$(child engine)" ] && [ "$(child engine)" != "$old_engine" ]; }
ok "reload" tool 0 reload
ok "... begins anew" wait_for engine_is_new
ok "posternd is ready" is_ready
ok "... all are banned" wait_for agree 5000
ok "... and were all the time" not grep addresses "$here/destroyed"
kill $monitor
kill_ours
nft flush ruleset
start_ours
ok "killed, and the ruleset lost: all are banned again" wait_until 20 agree 5000
ok "... for the time that is left, not the whole" in_set_for $one $((601 - (SECONDS - began)))
ok "... which is less" [ $((SECONDS - began)) -ge 3 ]

# -- between two actions ------------------------------------------------------------------------
user=joe@example.org
pkill -STOP -P "$pid" -x postern-nftable
ok "an account is banned" tool 0 ban $user for 1h
ok "... exec is told" wait_for task_is $user exec applied
first=198.18.201.1 second=198.18.201.2 third=198.18.201.3
log_in $user $first
joined() { answer history "$user" | jq -s -e --argjson n "$1" 'any(.[].decision; . and .addresses == $n)'; }
ok "an address joins" wait_for joined 1
kill_ours
ok "killed between the two actions" not in_set $first
start_ours
ok "begun again: the other is done too" wait_for in_set $first
ok "... and applied" wait_for task_is $user nftables applied
ok "... exec still" task_is $user exec applied

# -- one address in two decisions ---------------------------------------------------------------
log_in $user $second
log_in $user $third
ok "two more join" wait_for joined 3
ok "... are banned with the account" wait_for in_set $third
ok "one of them is banned by itself" tool 0 ban $second for 30m
spray $third
ok "... the other by another action too" wait_for task_is $third nftables:sprayers applied
ok "... and by brute-force" wait_for task_is $third nftables applied
kill_ours
start_ours
ok "killed, begun again" is_ready
ok "the account is released" tool 0 unban $user
ok "who was in its decision alone is let in" wait_for not in_set $first
ok "who is in another stays" wait_for in_set_for $second 1800
ok "... so does who is in another action's" wait_for in_set_for $third 7200
ok "the address is released" tool 0 unban $second
ok "... and let in" wait_for not in_set $second
ok "the one of two jails is" tool 0 unban $third
ok "... and let in" wait_for not in_set $third
ok "all others stay" wait_for agree 5000
ok "it ends well" stop_daemon
pid=
finish
