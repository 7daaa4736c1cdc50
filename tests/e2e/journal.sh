#!/usr/bin/env bash
# journal.sh: posternd reads the journal as it grows, in a process of its own with the journal's group,
# and goes on behind the last entry when it was killed. The journal's files are made by
# systemd-journal-remote, below a /var/log of the test's own.
# shellcheck disable=SC2016,SC2154,SC2317 # programs are quoted; checks are called by name
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/e2e/world.bash
. tests/daemon.bash

remote=/usr/lib/systemd/systemd-journal-remote
[ -x $remote ] || skip "systemd-journal-remote is not installed"
"$postern" scan --journal "$here/none.journal" 2>&1 | grep -q 'without libsystemd' &&
	skip "postern was built without libsystemd"

id=0123456789abcdef0123456789abcdef
mount -t tmpfs none /var/log
mkdir -p /var/log/journal/$id
echo $id >/etc/machine-id
getent group systemd-journal >/dev/null || echo 'systemd-journal:x:991:' >>/etc/group
chgrp -R systemd-journal /var/log/journal
chmod -R g+rXs /var/log/journal

# Lines "PROGRAM: TEXT" as entries of now, a second apart.
entries=0
append() {
	local program text now
	now=$(date +%s)
	while IFS= read -r line; do
		program=${line%%:*} text=${line#*: }
		entries=$((entries + 1))
		printf '__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%s\n_MACHINE_ID=%s\n_TRANSPORT=syslog\n' \
			$((now * 1000000 + entries)) $((now * 1000000 + entries)) $id $id
		printf '_HOSTNAME=mail\nPRIORITY=6\nSYSLOG_IDENTIFIER=%s\nSYSLOG_PID=7\n_PID=7\nMESSAGE=%s\n\n' "$program" "$text"
	done >"$here/export"
	$remote --split-mode=none -o /var/log/journal/$id/system.journal "$here/export" >"$here/remote.out" 2>&1
	chmod g+r /var/log/journal/$id/*.journal
}
failures_from() { # ADDRESS COUNT
	local i
	for ((i = 0; i < $2; i++)); do
		echo "postfix/smtpd: warning: unknown[$1]: SASL LOGIN authentication failed: UGFzc3dvcmQ6"
	done
}

echo 'nothing: the first' | append
write_config 'checkpoint = 1s'
sed -i 's|^log = .*|log = { "journal" }|' "$conf_file"
chmod 755 "$dir"
ok "it starts" start_daemon
ok "... and is ready" wait_until 10 has_said "is ready: logs 0 and the journal"
banned() { json history 'select(.decision.ip == "'"$1"'") | .decision.id' | grep -q .; }
failures_from 203.0.113.9 5 | append
ok "entries that come are read and decided on" wait_until 15 banned 203.0.113.9
status_of() { awk -v key="$2:" '$1 == key { print $2 }' "/proc/$1/status"; }
confined() {
	local reader
	reader=$(child journal)
	[ "$(status_of "$reader" Uid)" = "$(id -u nobody)" ] && [ "$(status_of "$reader" CapEff)" = 0000000000000000 ]
}
ok "who reads the journal has no rights beyond its group" confined
sleep 2
pkill -9 -P "$pid"
kill -9 "$pid"
wait "$pid" 2>/dev/null
failures_from 203.0.113.18 5 | append
ok "killed, and begun again" start_daemon
ok "entries that came meanwhile are read" wait_until 15 banned 203.0.113.18
again() { [ "$(json history 'select(.decision.ip == "203.0.113.9") | .decision.id' | wc -l)" -eq 1 ]; }
ok "... and the earlier ones not again" again
# As journald does it: the file gets another name, a new one is begun, and the old one goes.
mv /var/log/journal/$id/system.journal /var/log/journal/$id/system@00000000000000000000000000000001-0000000000000001-0000000000000001.journal
sleep 1
failures_from 203.0.113.27 5 | append
ok "a journal that was rotated is read on" wait_until 20 banned 203.0.113.27
rm -f /var/log/journal/$id/system@*.journal
sleep 1
failures_from 203.0.113.36 5 | append
ok "... and when the older part was vacuumed" wait_until 20 banned 203.0.113.36

# As nobody should: what was in it is lost, what comes is not.
rm -f /var/log/journal/$id/*.journal
sleep 1
failures_from 203.0.113.45 5 | append
ok "a journal whose files were deleted is read on" wait_until 20 banned 203.0.113.45
rm -r /var/log/journal/$id
sleep 1
mkdir -m 2750 /var/log/journal/$id
chgrp systemd-journal /var/log/journal/$id
failures_from 203.0.113.54 5 | append
ok "... and one whose folder went" wait_until 20 banned 203.0.113.54
ok "... and who reads it sleeps" is_calm journal 20
sleep 2
pkill -9 -P "$pid"
kill -9 "$pid"
wait "$pid" 2>/dev/null
rm -f /var/log/journal/$id/*.journal
failures_from 203.0.113.63 5 | append
ok "deleted while nobody read it: it begins" start_daemon
ok "... says that lines may be lost" wait_until 20 has_said "the entry that was read last is gone"
ok "... and reads what there is" wait_until 20 banned 203.0.113.63
ok "it ends well" stop_daemon
pid=
finish
