#!/usr/bin/env bash
# postfix-dovecot.sh: a real Postfix with Dovecot's SASL and IMAP, in namespaces of the test's own.
#
# One account is used from 30 addresses, others from one each. What postern says of the logs that
# the servers wrote has to agree with what the clients did and what postqueue(1) shows. Messages
# pass a content filter and are accepted again from it: on port 587 it says whose they were
# (XFORWARD), on port 588 it does not.
# shellcheck disable=SC2016,SC2317 # programs are quoted; checks are called by name
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/e2e/world.bash
. tests/e2e/postfix.bash

# 30 addresses, 60 messages. Of the recipients 30 are refused by a far server, and 30 don't exist:
# port 588 refuses those at once, 587 takes them, and the way back from the filter is closed to them.
sessions_of_victim() {
	local i port
	for i in "${!bots[@]}"; do
		port=$((587 + i % 2))
		echo "smtp:$port ${bots[i]} $victim secret 1 a$i@example.net,b$i@example.com,c$i@example.net,e$i@far.example.net"
		echo "smtp:$port ${bots[i]} $victim secret 1 d$i@example.net,nobody$i@invalid.example.net"
	done
	echo "imap ${bots[3]} $victim secret"
	echo "imap ${bots[25]} $victim secret"
	echo "smtp ${bots[0]} $victim secret 1 blocked@example.net"
}

sessions_of_others() {
	local i
	for i in "${!people[@]}"; do
		echo "imap ${people[i]} person$i@example.org secret"
		echo "smtp ${people[i]} person$i@example.org secret 2 friend$i@example.net"
	done
	echo "imap ${people[2]} person2@example.org mistyped"
	echo "smtp ${people[3]} person3@example.org mistyped"
	for i in {1..6}; do
		echo "smtp $attacker person1@example.org guess$i"
	done
	for i in {1..6}; do
		echo "imapx $attacker sprayed$i@example.org guess"
	done
}

make_world
make_countries
make_mail_server
{ sessions_of_others && sessions_of_victim; } | clients >"$here/clients" 2>&1
wait_for settled
ok "all is logged" all_logged
ok "the servers took what they should" awk '
	/^laura@example.org [0-9a-f.:]+ [0-9A-F]+$/ { sent++ }
	/^person[0-9]@example.org [0-9.]+ [0-9A-F]+$/ { others++ }
	/: 535 |: a NO / { failed++ }
	/: 55[04] / { refused++ }
	END { print sent, others, failed, refused; exit !(sent == 60 && others == 12 && failed == 14 && refused == 16) }' "$here/clients"

finds_the_bots "$maillog" "$here/dovecot.log"
cp "$dir/out" "$here/from-logs"
ok "messages, each counted once" is 60 .messages
ok "recipients, each counted once" is 165 .recipients
ok "bounces" is 60 .bounces
ok "logins by IMAP and messages" is 62 '[.addresses[].logins] | add'
ok "queue ids are those that postqueue shows" same_list "$(queued_by $victim)" "$(decision '.queue_ids[]' | tr -d '"' | sort)"
ok "the attacker's address, and no other" same_list "brute-force $attacker
spraying $attacker" "$(jq -r 'select(.subject.ip) | "\(.jail) \(.subject.ip)"' "$dir/out" | sort)"

# -- the same out of a journal ------------------------------------------------------------------
# Postfix's log as journald would have it: the entries of one second a microsecond apart.
into_journal() { # FILE
	perl -MTime::Local -ne '
		/^(\w{3} [ \d]\d) (\d\d):(\d\d):(\d\d) mail ([^:\[]+)\[(\d+)\]: (.*)/ or next;
		my ($day, $year) = (substr($1, 4), (gmtime)[5]);
		my $month = index("JanFebMarAprMayJunJulAugSepOctNovDec", substr $1, 0, 3) / 3;
		my $us = timegm($4, $3, $2, $day, $month, $year) * 1_000_000 + $. % 1000;
		print "__REALTIME_TIMESTAMP=$us\n__MONOTONIC_TIMESTAMP=$us\n_BOOT_ID=", "0123456789abcdef" x 2, "\n",
			"_TRANSPORT=syslog\n_HOSTNAME=mail\nPRIORITY=6\nSYSLOG_IDENTIFIER=$5\nSYSLOG_PID=$6\n_PID=$6\n",
			"MESSAGE=$7\n\n"' "$maillog" >"$here/export"
	/usr/lib/systemd/systemd-journal-remote --split-mode=none -o "$1" "$here/export" >"$here/remote.out" 2>&1
}
journal_alike() {
	run 1 "${scan[@]}" "$maillog" && cp "$dir/out" "$here/wanted" &&
		run 1 "${scan[@]}" --journal "$here/mail.journal" && same "$here/wanted" "$dir/out"
}
like_journal() { run 1 "${scan[@]}" "$here/mail.journal" && same "$here/wanted" "$dir/out"; }
if "$postern" scan --journal "$here/none.journal" 2>&1 | grep -q 'without libsystemd'; then
	echo "skip journal: postern was built without libsystemd"
else
	ok "entries into a journal" into_journal "$here/mail.journal"
	ok "the same decisions from the journal as from the log" journal_alike
	ok "... and from the journal file named as a log" like_journal
fi
finish
