#!/usr/bin/env bash
# opensmtpd.sh: a real OpenSMTPD, in namespaces of the test's own. Its log has user, address and
# message in lines of their own, which only the session ties together; what postern says has to
# agree with what the clients did.
#
# It writes its log to standard error, where a line has no time and no program yet.
# It takes passwords over TLS alone, and needs tests/e2e/smtpd_key.c for that.
# shellcheck disable=SC2016,SC2154,SC2317 # programs are quoted; checks are called by name
set -u
cd "$(dirname "$0")/../.." || exit 2

. tests/e2e/unpacked.bash
prepare() {
	[ -e build/plain/tests/smtpd_key.so ] || skip "build/plain/tests/smtpd_key.so is not built"
	unpack opensmtpd opensmtpd
}
. tests/e2e/world.bash

log=$here/maillog

write_config() {
	local hash user
	hash=$(openssl passwd -6 secret)
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=mail.example.org \
		-keyout "$here/key" -out "$here/certificate" 2>"$here/openssl"
	chmod 600 "$here/key"
	for user in "$victim" person{0..5}@example.org; do
		echo "$user $hash"
	done >/etc/smtpd-people
	cat >/etc/smtpd.conf <<-END
		pki mail cert "$here/certificate"
		pki mail key "$here/key"
		table people file:/etc/smtpd-people
		listen on 192.0.2.25 port 465 smtps pki mail auth <people>
		listen on 2001:db8::25 port 465 smtps pki mail auth <people>
		listen on 192.0.2.25 port 25
		action "on" relay host smtp://192.0.2.1
		match auth from any for any action "on"
		match from any for domain "example.org" action "on"
	END
}

install_opensmtpd() {
	lay_over opensmtpd
	add_user opensmtpd 64990
	add_user opensmtpq 64991
	echo mail.example.org >/etc/mailname
	mkdir -p /var/lib/opensmtpd/empty
	mkdir -m 711 /var/spool/smtpd
}

start_opensmtpd() {
	SMTPD_KEY=$here/key LD_PRELOAD=$PWD/build/plain/tests/smtpd_key.so smtpd -d 2>&1 | while IFS= read -r line; do
		printf '%(%b %e %H:%M:%S)T mail smtpd[4711]: %s\n' -1 "$line"
	done >"$log" &
	wait_for listening 465 25 || cat "$log"
}

is_count() { # NUMBER JQ FILTER: of the events
	local got
	got=$(jq -c "$2" "$here/events" | wc -l)
	[ "$got" = "$1" ] || echo "expected $1, not $got"
	[ "$got" = "$1" ]
}

sessions() {
	local i
	for i in "${!people[@]}"; do
		echo "465 ${people[i]} person$i@example.org secret 2 friend$i@example.net,boss$i@example.com"
	done
	echo "465 ${people[3]} person3@example.org mistyped"
	for i in {1..6}; do
		echo "465 $attacker person1@example.org guess$i"
	done
	for i in "${!bots[@]}"; do
		echo "465 ${bots[i]} $victim secret 2 a$i@example.net,b$i@example.com,c$i@example.com"
	done
	echo "465 ${bots[4]} $victim secret"
	for i in {1..5}; do
		echo "25 203.0.113.9 - - 1 $victim,person$i@example.org"
	done
}

make_world
make_countries
install_opensmtpd
write_config
start_opensmtpd
sessions | ip netns exec world python3 tests/e2e/smtps.py >"$here/clients" 2>&1
all_logged() { [ "$(grep -c ' smtp disconnected ' "$log")" -ge 49 ]; } # each session's end
ok "each session ended" wait_for all_logged
ok "the server took what it should" awk '
	/^laura@example.org [0-9a-f.:]+$/ { sent++ }
	/^person[0-9]@example.org [0-9.]+$/ { others++ }
	/^- / { strangers++ }
	/: 535 / { failed++ }
	END { print sent, others, strangers, failed; exit !(sent == 60 && others == 12 && strangers == 5 && failed == 7) }' "$here/clients"

"$postern" events --tz UTC "$log" >"$here/events"
ok "every login and failure has its address" is_count 44 \
	'select((.event == "login" or .event == "failure") and .ip)'
ok "... and there are no others" is_count 0 'select(.event != "disconnect" and (.ip | not))'
ok "no message is a stranger's" is_count 72 'select(.event == "message")'

finds_the_bots "$log"
ok "messages" is 60 .messages
ok "recipients" is 180 .recipients
ok "a login without a message" is 1 \
	"[.addresses[] | select(.ip == \"${bots[4]}\", .ip == \"${bots[6]}\") | .logins] | sort | .[1] - .[0]"
ok "the attacker's address, and no other" same_list "brute-force $attacker" \
	"$(jq -r 'select(.subject.ip) | "\(.jail) \(.subject.ip)"' "$dir/out")"
finish
