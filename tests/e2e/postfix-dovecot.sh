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

maillog=$here/mail.log
conf=$here/postfix
queue=$here/queue

start_dovecot() {
	mkdir -m 755 "$here/dovecot" "$here/dovecot/state"
	mkdir -m 777 "$here/home"
	cat >"$here/dovecot.conf" <<-EOF
		protocols = imap
		listen = 192.0.2.25, 2001:db8::25
		base_dir = $here/dovecot
		state_dir = $here/dovecot/state
		log_path = $here/dovecot.log
		ssl = no
		disable_plaintext_auth = no
		auth_mechanisms = plain login
		auth_failure_delay = 0
		mail_location = maildir:~/Maildir
		passdb {
		  driver = static
		  args = password=secret
		}
		service anvil {
		  unix_listener anvil-auth-penalty {
		    mode = 0
		  }
		}
		userdb {
		  driver = static
		  args = uid=nobody gid=nogroup home=$here/home/%u
		}
		service auth {
		  unix_listener $queue/private/auth {
		    mode = 0666
		  }
		}
	EOF
	dovecot -c "$here/dovecot.conf"
	wait_for listening 143
}

write_master_cf() {
	cat >"$conf/master.cf" <<-'EOF'
		587       inet  n - n - - smtpd
		  -o syslog_name=postfix/submission -o smtpd_sasl_auth_enable=yes
		  -o smtpd_reject_unlisted_recipient=no
		  -o content_filter=forward:[127.0.0.1]:10025
		588       inet  n - n - - smtpd
		  -o syslog_name=postfix/legacy -o smtpd_sasl_auth_enable=yes
		  -o content_filter=plain:[127.0.0.1]:10025
		127.0.0.1:10025 inet n - n - - smtpd
		  -o smtpd_recipient_restrictions=permit_mynetworks,reject
		  -o smtpd_authorized_xforward_hosts=127.0.0.0/8
		127.0.0.1:10026 inet n - n - - smtpd
		  -o syslog_name=far-server -o smtpd_recipient_restrictions=reject
		remote    unix  - - n - - smtp
		forward   unix  - - n - - smtp -o smtp_send_xforward_command=yes
		plain     unix  - - n - - smtp
		pickup    unix  n - n 60 1 pickup
		cleanup   unix  n - n - 0 cleanup
		qmgr      unix  n - n 300 1 qmgr
		rewrite   unix  - - n - - trivial-rewrite
		bounce    unix  - - n - 0 bounce
		defer     unix  - - n - 0 bounce
		trace     unix  - - n - 0 bounce
		verify    unix  - - n - 1 verify
		flush     unix  n - n 1000? 0 flush
		proxymap  unix  - - n - - proxymap
		smtp      unix  - - n - - smtp
		showq     unix  n - n - - showq
		error     unix  - - n - - error
		retry     unix  - - n - - error
		scache    unix  - - n - 1 scache
		discard   unix  - - n - - discard
		anvil     unix  - - n - 1 anvil
		postlog   unix-dgram n - n - 1 postlogd
	EOF
}

# What goes out stays in the queue; mail to example.org, which is bounces, is thrown away.
start_postfix() {
	cat >"$conf/main.cf" <<-EOF
		compatibility_level = 3.6
		queue_directory = $queue
		data_directory = $here/data
		maillog_file = $maillog
		maillog_file_prefixes = $here
		myhostname = mail.example.org
		mydestination =
		local_recipient_maps =
		alias_maps =
		alias_database =
		inet_interfaces = 192.0.2.25, [2001:db8::25], 127.0.0.1
		inet_protocols = all
		mynetworks = 127.0.0.0/8
		smtpd_sasl_type = dovecot
		smtpd_sasl_path = private/auth
		smtpd_tls_security_level = none
		smtpd_peername_lookup = no
		smtpd_error_sleep_time = 0
		smtpd_client_connection_count_limit = 0
		smtpd_recipient_restrictions =
		  check_recipient_access inline:{ { blocked@example.net = REJECT } },
		  permit_sasl_authenticated, reject
		transport_maps = inline:{ { example.org = discard: },
		  { invalid.example.net = error:5.1.1 no such user },
		  { far.example.net = remote:[127.0.0.1]:10026 } }
		defer_transports = smtp
	EOF
	cp /etc/postfix/dynamicmaps.cf "$conf"
	cp -r /etc/postfix/dynamicmaps.cf.d "$conf"
	write_master_cf
	postfix -c "$conf" start >"$here/postfix.out" 2>&1 || cat "$here/postfix.out"
	wait_for listening 587 588 10025 10026
}

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
		echo "imap $attacker sprayed$i@example.org guess"
	done
}

queued_by() { # the ids in Postfix's queue of mail from USER
	postqueue -c "$conf" -j | jq -r --arg user "$1" 'select(.sender == $user) | .queue_id' | sort
}
settled() { # all that was sent is either in the deferred queue or gone
	[ "$(find "$queue/incoming" "$queue/active" "$queue/maildrop" -type f | wc -l)" -eq 0 ]
}

mkdir -p "$conf" "$queue/pid" "$queue/private" "$here/data"
chown postfix "$queue/private" "$here/data"
make_world
make_countries
start_dovecot
start_postfix
{ sessions_of_others && sessions_of_victim; } | clients >"$here/clients" 2>&1
wait_for settled
sleep 0.2 # the last line may still be on its way to the log
ok "the servers took what they should" awk '
	/^laura@example.org [0-9a-f.:]+ [0-9A-F]+$/ { sent++ }
	/^person[0-9]@example.org [0-9.]+ [0-9A-F]+$/ { others++ }
	/: 535 |: a NO / { failed++ }
	/: 55[04] / { refused++ }
	END { print sent, others, failed, refused; exit !(sent == 60 && others == 12 && failed == 14 && refused == 16) }' "$here/clients"

scan=(scan --json --quiet --geoip "$here/country.mmdb" --asn "" --tz UTC)
ok "scan" run 1 "${scan[@]}" "$maillog" "$here/dovecot.log"
cp "$dir/out" "$here/from-logs"
ok "acts on exactly that account" same_list "$victim" \
	"$(jq -r 'select(.jail == "stolen-account") | .subject.user' "$dir/out")"
ok "... and says act" is act .verdict
ok "its addresses" same_list "$(hosts "${bots[@]}")" "$(decision '[.addresses[] | select(.bot) | .ip] | sort[]' | tr -d '"')"
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
