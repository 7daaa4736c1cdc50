#!/usr/bin/env bash
# repeated.sh: a real rsyslogd that folds repeated lines ($RepeatedMsgReduction, which Ubuntu has on).
# They have to count like those that stand in the log one by one.
# shellcheck disable=SC2154,SC2317 # world.bash sets them; checks are called by name
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/e2e/unpacked.bash
prepare() { unpack rsyslog rsyslog; }
. tests/e2e/world.bash

log=$here/maillog
failed="warning: unknown[$attacker]: SASL LOGIN authentication failed: UGFzc3dvcmQ6"

says() { logger --id=19536 -p mail.info -t postfix/smtpd "$1"; } # MESSAGE
fail_times() {                                                  # N
	local i
	for ((i = 0; i < $1; i++)); do
		says "$failed"
	done
}
# Postfix cuts a message at 2000 bytes, rsyslog what it folds at 800.
cut_at_a_name() {
	local message="NOQUEUE: reject: RCPT from unknown[$attacker]: 554 5.7.1 <a@example.com>: Relay access denied; from=<"
	local i end=" helo=<x> sasl_username=<$victim>"
	message+=$(printf 'x%.0s' $(seq $((799 - ${#message} - ${#end}))))$end
	for i in {1..30}; do
		says "$message, and more>"
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

make_countries
lay_over rsyslog
# shellcheck disable=SC2016 # it is rsyslog's word
start_syslog '$RepeatedMsgReduction on'
fail_times 7
says "connect from unknown[$attacker]"
fail_times 1
says "disconnect from unknown[$attacker]"
cut_at_a_name
all_logged

ok "lines are folded" grep -q 'message repeated 6 times: \[ warning: ' "$log"
ok "... and cut" grep -q "message repeated 29 times: \[ NOQUEUE.*sasl_username=<$victim>\]" "$log"
ok "events" run 1 events --tz UTC "$log"
ok "each failure counts" counted 8 '.event == "failure"'
ok "a line that was cut is nobody's" counted 0 ".user == \"$victim\""
ok "scan" run 1 "${scan[@]}" --jail brute-force "$log"
ok "the address is found" same_list "$attacker" "$(jq -r .subject.ip "$dir/out")"
finish
