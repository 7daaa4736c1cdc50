#!/usr/bin/env bash
# daemon.sh: posternd on a log that is written while it runs: what it decides, what it tells, how it is
# told, and how it and its processes begin, end and begin again.
# shellcheck disable=SC2016,SC2317 # programs are quoted; checks are called by name
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/checks.bash
. tests/daemon.bash

write_config 'metrics = "'"$dir"'/run/metrics"' 'checkpoint = 1s'
cat >"$dir/note" <<END
#!/bin/sh
echo "\$POSTERN_ACTION \$POSTERN_USER \$POSTERN_REASON" >>$dir/noted
END
chmod 755 "$dir/note"
cat >"$dir/jails/zz-test.conf" <<END
jail "stolen-account" {
  action "exec" { at = suspect  program = "$dir/note" }
  # Mail of a test goes nowhere.
  action "mail" { sendmail = "/bin/true" }
}
END
: >"$log"
ok "it starts" start_daemon
ok "it is ready" wait_until 10 has_said "is ready"

# -- a log that is written ----------------------------------------------------------------------
decided() { json history 'select(.decision.user == "'"$1"'" and .decision.state == "active") | .decision.id' | grep -q .; }
cat tests/sample/incident.log >>"$log"
ok "it decides what a scan of the same lines decides" wait_until 10 decided laura@example.org
ok "the action was run, once" sh -c 'sleep 0.5; [ "$(grep -c "^apply laura@example.org" "$1")" -eq 1 ]' - "$dir/noted"
ok "status knows the log" json status 'select(.source) | .source | .position == .size and .lines > 2000'
ok "explain says why" sh -c '"$1" explain --socket "$2" laura@example.org | grep -q sending-networks' - "$postern" "$dir/run/control"
ok "top lists accounts" tool 0 top
ok "top --rules counts rules" tool 0 top --rules
ok "history knows it" tool 0 history laura@example.org

# -- told what to do ------------------------------------------------------------------------------
ok "unban lifts it" tool 0 unban laura@example.org
ok "... and the action is told" wait_until 5 grep -q "^lift laura@example.org" "$dir/noted"
ok "... and it is not decided again by its past" not decided laura@example.org
ok "nobody is unbanned twice" tool 1 unban laura@example.org
ok "ban by hand" tool 0 ban joe@example.org for 2h because "he called"
ok "... with its reason" wait_until 5 grep -q "^apply joe@example.org.*he called" "$dir/noted"
ok "ban of what is nobody" tool 1 ban "$(printf 'x%.0s' {1..300})"
ok "ignore" tool 0 ignore add friend@example.org
ignores() { "$postern" ignore --socket "$dir/run/control" | grep -q "$1"; }
ok "... is kept, and in force without a word more" wait_until 10 ignores friend@example.org
ok "... and it is ready again" wait_until 10 tool 0 status

# -- a stranger at the socket -----------------------------------------------------------------------
send() { # TEXT: what it answers; a client that says nothing more
	perl -MIO::Socket::UNIX -e '
		my $s = IO::Socket::UNIX->new($ARGV[0]) or die "connect: $!";
		$s->autoflush(1); print $s $ARGV[1]; $s->shutdown(1); print while <$s>' "$dir/run/control" "$1"
}
ok "rubbish is told so" sh -c 'printf %s "$1" | grep -q error' - "$(send $'{"verb":\n')"
ok "half a request does not hold anybody up" sh -c 'true' "$(send '{"verb"')"
stranger() {
	[ "$(id -u)" -eq 0 ] || return 0
	chmod 666 "$dir/run/control"
	! setpriv --reuid 12345 --regid 12345 --clear-groups "$postern" status --socket "$dir/run/control" >/dev/null 2>&1
}
ok "who is neither root nor of the group gets no answer" stranger
ok "it still answers" tool 0 status

# -- metrics ------------------------------------------------------------------------------------------
get() { curl -s --unix-socket "$dir/run/metrics" "http://localhost$1"; }
if command -v curl >/dev/null; then
	ok "metrics" sh -c 'echo "$1" | grep -q "^postern_lines_total{.*} [0-9]"' - "$(get /metrics)"
	is_well() { [ "$(get /healthz)" = ok ]; }
	ok "healthz" wait_until 5 is_well
fi

# -- logs that come and go ------------------------------------------------------------------------------
lines() { json status 'select(.source) | .source.lines'; }
grew_to() { [ "$(lines)" -eq "$1" ]; }
n=$(lines)
echo 'Nov 20 23:00:00 mail nothing: to old' >>"$log"
ok "a line is read at once" wait_until 5 grew_to $((n + 1))
mv "$log" "$log.1"
echo 'Nov 20 23:00:01 mail nothing: to old, renamed' >>"$log.1"
echo 'Nov 20 23:00:02 mail nothing: to new' >>"$log"
ok "renamed: both are read to their ends" wait_until 15 grew_to $((n + 3))
cp "$log" "$log.1"
: >"$log"
echo 'Nov 20 23:00:03 mail nothing: after truncation' >>"$log"
ok "copied and truncated: nothing twice, nothing lost" wait_until 15 grew_to $((n + 4))

# -- rotated and packed while it was down ---------------------------------------------------------------
rotate_packed() { # each time what is new of the log, packed in another way
	local day=0 packer
	rm "$log.1"
	for packer in gzip bzip2 xz zstd; do
		echo "Nov 20 23:00:04 mail nothing: for $packer" >>"$log"
		mv "$log" "$log-2026111$((day += 1))"
		touch -d "$((5 - day)) hours ago" "$log-2026111$day" # bzip2 keeps whole seconds alone
		$packer -q "$log-2026111$day" || return
		rm -f "$log-2026111$day" # zstd leaves it there
	done
	echo 'Nov 20 23:00:05 mail nothing: to new' >>"$log"
}
stop_daemon
ok "four rotations while it was down" rotate_packed
ok "it starts again" start_daemon
ok "... and reads what it had not read of each" wait_until 15 grew_to 5

# -- reload ---------------------------------------------------------------------------------------------
echo 'bantime_mots = 1d' >>"$conf_file"
ok "a configuration that does not load is refused, and why" tool 1 reload
ok "... in its own words" grep -q 'bantime_most' "$dir/err"
ok "... and the old one goes on" decided joe@example.org
sed -i '$d' "$conf_file"
old_engine=$(child engine)
ok "one that loads is used" tool 0 reload
ok "... by new processes" wait_until 10 sh -c '[ -n "$(pgrep -P "$1" -x postern-engine)" ] && [ "$(pgrep -P "$1" -x postern-engine)" != "$2" ]' - "$pid" "$old_engine"
ok "... with what was decided" wait_until 10 decided joe@example.org
ok "... and counted" wait_until 10 json status 'select(.daemon) | .daemon.accounts >= 50'

# -- processes that die --------------------------------------------------------------------------------
pid_is_new() { [ -n "$(child "$1")" ] && [ "$(child "$1")" != "$2" ]; }
victim=$(child exec)
kill -9 "$victim"
ok "an action's process is started again" wait_until 10 pid_is_new exec "$victim"
: >"$dir/noted"
ok "... and works" tool 0 ban eve@example.org for 1h because "after a crash"
ok "... indeed" wait_until 10 grep -q "^apply eve@example.org" "$dir/noted"
victim=$(child engine)
kill -9 "$victim"
ok "the engine is started again" wait_until 10 pid_is_new engine "$victim"
ok "... and knows what it knew" wait_until 10 decided joe@example.org

# -- idle: it sleeps ------------------------------------------------------------------------------------
switches() { awk '/^voluntary_ctxt/ { print $2 }' "/proc/$1/status"; }
# (The monitor hears of every file that is made in a folder on the way to a log: here in /tmp.)
idle() {
	local before after
	sleep 3
	before=$(switches "$(child engine)")
	sleep 4
	after=$(switches "$(child engine)")
	echo "it woke $((after - before)) times"
	[ "$after" -eq "$before" ]
}
ok "idle, nothing wakes it" idle

# -- what the engine may not do ------------------------------------------------------------------------
status_of() { awk -v key="$2:" '$1 == key { print $2 }' "/proc/$1/status"; }
confined() {
	local e
	e=$(child engine)
	[ "$(status_of "$e" CapEff)" = 0000000000000000 ] && [ "$(status_of "$e" CapPrm)" = 0000000000000000 ] &&
		[ "$(status_of "$e" NoNewPrivs)" = 1 ] && [ "$(status_of "$e" Seccomp)" = 2 ] &&
		{ [ "$(id -u)" -ne 0 ] || [ "$(status_of "$e" Uid)" = "$(id -u nobody)" ]; }
}
ok "the engine has no capability, no new rights, and a filter of system calls" confined
refused() { # NAME...: the engine, taken over, would be refused these
	local name
	build/plain/tests/intrude "$(child engine)" >"$dir/intruder" || return
	for name; do
		grep -E "^$name: (EPERM|EACCES)$" "$dir/intruder" || { echo "not refused: $name"; cat "$dir/intruder"; return 1; }
	done
}
if [ "$(id -u)" -eq 0 ] && [ -x build/plain/tests/intrude ] && [ "$(uname -m)" = x86_64 ]; then
	ok "taken over, it can open, make and become nothing" refused "read a file" "write a file" "list a folder" \
		"make a socket" "make a netlink socket" "make a process" "become root" "reach the monitor" "make code" mount
	victim=$(child engine)
	ok "... and to run a program ends it" sh -c 'build/plain/tests/intrude "$1" "run a program" | grep "it was killed"' - "$victim"
	ok "... and it is started again" wait_until 15 pid_is_new engine "$victim"
fi
no_rights() {
	local a
	a=$(child log)
	[ "$(id -u)" -ne 0 ] || [ "$(status_of "$a" CapEff)" = 0000000000000000 ]
}
ok "an action has the capabilities of its plugin, log none" no_rights

# -- an action that is slower than the time from one look at the world to the next ---------------------------
echo 'reconcile = 1s' >>"$conf_file"
echo 'sleep 4' >>"$dir/note"
ok "the world is looked at each second" tool 0 reload
: >"$dir/noted"
ok "ban again" wait_until 10 tool 0 ban slow@example.org
ok "the action is at work" wait_until 10 grep -q "^apply slow@example.org" "$dir/noted"
sleep 2
ok "others are heard meanwhile" tool 0 status

# -- the end -------------------------------------------------------------------------------------------
ok "it ends well" stop_daemon
ok "... and says that bans stay" has_said "what was banned stays banned"
pid=
finish
