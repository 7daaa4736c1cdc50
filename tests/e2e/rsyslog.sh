#!/usr/bin/env bash
# rsyslog.sh: a real rsyslogd, in all the forms in which it writes a line, and with repeated lines
# folded ($RepeatedMsgReduction, which Ubuntu has on). What is said has to be the same for all.
# shellcheck disable=SC2016,SC2154,SC2317 # programs are quoted; world.bash sets them
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/e2e/unpacked.bash
prepare() { unpack rsyslog rsyslog; }
. tests/e2e/world.bash

log=$here/maillog
forms=(TraditionalFileFormat FileFormat SyslogProtocol23Format)
says() { logger --id="$1" -p mail.info -t "$2" "$3"; } # PID PROGRAM MESSAGE
fail_times() {                                         # N
	local i
	for ((i = 0; i < $1; i++)); do
		says 19536 postfix/smtpd "warning: unknown[$attacker]: SASL LOGIN authentication failed: UGFzc3dvcmQ6"
	done
}
send_and_bounce() {
	says 19540 postfix/submission/smtpd "8A0C4A8493D: client=dsl.example.com[${people[0]}]:58699, sasl_method=PLAIN, sasl_username=joe@example.org"
	says 19541 postfix/qmgr "8A0C4A8493D: from=<joe@example.org>, size=330, nrcpt=12 (queue active)"
	says 19542 postfix/smtp "8A0C4A8493D: to=<nobody@example.com>, relay=mx.example.com[192.0.2.9]:25, delay=0.4, delays=0/0/0.2/0.2, dsn=5.1.1, status=bounced (host mx.example.com[192.0.2.9] said: 550 5.1.1 unknown user (in reply to RCPT TO command))"
	says 19541 postfix/qmgr "8A0C4A8493D: removed"
	says 19543 dovecot "imap-login: Login: user=<joe@example.org>, method=PLAIN, rip=${people[1]}, lip=192.0.2.25, mpid=12843, TLS, session=<5crGjL9gPoV/AAAB>"
	says 19544 cyrus/imaps "login: dsl.example.com [${people[2]}] joe@example.org plaintext+TLS User logged in SESSIONID=<mail-4711-1732143395-1-1234567890>"
	# Its HELO is what it likes.
	says 19545 postfix/postscreen "NOQUEUE: reject: RCPT from [$attacker]:4711: 550 5.7.1 Service unavailable; from=<a@example.com>, to=<b@example.org>, proto=ESMTP, helo=<x> sasl_username=<$victim>"
}
# Postfix cuts a message at 2000 bytes, rsyslog what it folds at 800.
cut_at_a_name() {
	local message="NOQUEUE: reject: RCPT from unknown[$attacker]: 554 5.7.1 <a@example.com>: Relay access denied; from=<"
	local i end=" helo=<x> sasl_username=<$victim>"
	message+=$(printf 'x%.0s' $(seq $((799 - ${#message} - ${#end}))))$end
	for i in {1..30}; do
		says 19536 postfix/smtpd "$message, and more>"
	done
}

counted() { # WANTED JQ FILTER: how often such an event is said to be
	local got
	got=$(jq -s "map(select($2) | 1 + (.repeats // 0)) | add // 0" "$dir/out")
	[ "$got" = "$1" ] || {
		echo "expected $1, not $got"
		return 1
	}
}
events_of() { # FORM: without the time, which has fractions in some
	run 1 events --tz UTC "$log.$1" && jq -cS 'del(.time)' "$dir/out" | sort >"$here/events.$1"
}

make_countries
lay_over rsyslog
syslog_settings=('$RepeatedMsgReduction on')
for form in "${forms[@]}"; do
	syslog_settings+=("mail.* $log.$form;RSYSLOG_$form")
done
start_syslog
send_and_bounce
fail_times 7
says 19536 postfix/smtpd "connect from unknown[$attacker]"
fail_times 1
cut_at_a_name
all_logged

for form in "${forms[@]}"; do
	ok "$form: lines are folded" grep -q 'message repeated 6 times: \[ warning: ' "$log.$form"
	ok "... and cut" grep -q "message repeated 29 times: \[ NOQUEUE.*sasl_username=<$victim>\]" "$log.$form"
	ok "... events" events_of "$form"
	ok "... as of any form" same "$here/events.${forms[0]}" "$here/events.$form"
	ok "... a message, its recipients, a bounce, its end, and two logins" \
		counted 6 '.event | IN("message", "queued", "bounce", "removed", "login")'
	ok "... each failure counts" counted 8 '.event == "failure"'
	ok "... a line that was cut is nobody's" counted 0 ".user == \"$victim\""
	ok "... scan" run 1 "${scan[@]}" --jail brute-force "$log.$form"
	ok "... finds the address" same_list "$attacker" "$(jq -r .subject.ip "$dir/out")"
done
finish
