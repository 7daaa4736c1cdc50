#!/usr/bin/env bash
# cli.sh: the tool from outside: options, inputs of every form, output and exit status.
# shellcheck disable=SC2016,SC2317 # programs are quoted; checks are called by name
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/checks.bash

touch_log() { touch -d '2026-11-20 20:00 UTC' "$@"; } # where dates without a year belong
log=$dir/mail.log
cp tests/sample/incident.log "$log"
for places in geoip geoip6; do
	tests/sample/make-incident --$places >"$dir/$places"
done
tests/make-mmdb.pl "$dir"
packaging/make-geoip.pl "$dir/geoip" "$dir/geoip6" "$dir/country.mmdb" >/dev/null
grep -v 'postfix/' "$log" >"$dir/dovecot.log"
grep 'postfix/' "$log" >"$dir/postfix.log"
head -n 1200 "$log" >"$dir/first.log"
tail -n +1201 "$log" >"$dir/second.log"
grep -v laura "$log" | grep -E 'imap-login: Login|client=' >"$dir/quiet.log"
grep -v 'mail ' "$log" >"$dir/empty.log"
echo 'Nov 20 18:00:00 mail cron[1]: (root) CMD (true)' >"$dir/cron.log"
touch_log "$dir"/*.log

scan=(scan --geoip "" --asn "" --tz UTC)
"$postern" "${scan[@]}" --quiet "$log" >"$dir/whole"
"$postern" "${scan[@]}" --quiet --json "$log" >"$dir/whole.json"

# -- verbs, help, exit status -----------------------------------------------------------------
printed() { # TEXT STATUS ARGUMENT...: TEXT is in the output
	local text=$1
	shift
	run "$@" && grep -qF -- "$text" "$dir/out"
}
ok "--version" printed "postern 0." 0 --version
ok "--help lists the verbs" printed "scan " 0 --help
ok "help, as a verb" printed "scan " 0 help
ok "no verb is an error" says 2 "usage: postern VERB"
ok "unknown verb" says 2 'there is no verb "scann"' scann
for verb in scan events test check; do
	ok "$verb --help" printed "usage: postern $verb" 0 $verb --help
	ok "$verb: unknown option" says 2 "'--frob'|postern $verb --help" $verb --frob
done
ok "0: nothing found" run 0 "${scan[@]}" "$dir/quiet.log"
ok "1: something found" run 1 "${scan[@]}" "$log"
ok "2: an error, and the rest is reported" says 2 "/none.log: No such file" "${scan[@]}" "$dir/none.log" "$log"
ok "... the rest" same "$dir/whole" "$dir/out"
full() { # ARGUMENT...: standard output that cannot be written to is an error
	local got=0
	"$postern" "$@" >/dev/full 2>"$dir/err" || got=$?
	[ "$got" -eq 2 ] && grep -q 'standard output: No space' "$dir/err"
}
ok "a full disk" full "${scan[@]}" "$log"
closed() { "$postern" events "$log" 2>"$dir/err" | head -n 1 >/dev/null && [ ! -s "$dir/err" ]; }
ok "a reader that goes away" closed

# -- options, and what each expects -----------------------------------------------------------
while IFS='~' read -r options text; do
	# shellcheck disable=SC2086 # words
	ok "scan $options" says 2 "$text" scan $options "$log"
done <<'EOF'
--top 0~--top: expected a whole number from 1 to 1000000, not "0"
--top -1~--top: expected a whole number from 1
--top 3x~--top: expected a whole number from 1 to 1000000, not "3x"
--top 99999999999999999999~--top: expected a whole number
--threads 0~--threads: expected a whole number from 1 to 16, not "0"
--threads 17~--threads: expected a whole number from 1 to 16, not "17"
--since yesterday~--since: expected a time like|not "yesterday"
--since 2026-13-01~--since: expected a time like|not "2026-13-01"
--until 2026-02-30~--until: expected a time like|not "2026-02-30"
--until soon~--until: expected a time like|"2h" (ago)
--tz Europe/Atlantis~--tz: expected a time zone like "Europe/Madrid" or "UTC", not "Europe/Atlantis"
--tz ../../../etc/passwd~--tz: expected a time zone
--tz /etc/passwd~--tz: expected a time zone
--tz Europe~--tz: expected a time zone
--jail nobody~no jail is called "nobody"|stolen-account
--jails /nowhere~/nowhere: No such file
--filters /nowhere~/nowhere: No such file
--geoip /nowhere~/nowhere: No such file
--asn /nowhere~/nowhere: No such file
-c /nowhere~/nowhere: No such file
--journal=x~'--journal'
EOF

ok "an option without its value" says 2 "'--since' requires an argument" scan --since
ok "--quiet: nothing but the report" says 1 "" "${scan[@]}" --quiet "$log"
ok "... no warning" test ! -s "$dir/err"
ok "without --quiet: a summary" says 1 "lines, |logins and |messages of |failures|\"countries\", \"many-countries\", \"countries-in-a-day\" are off: there is no country database" "${scan[@]}" "$log"
subjects() { jq -r '.subject | .user // .ip' "$dir/out" | tr '\n' ' '; }
reports() { # SUBJECTS ARGUMENT...: these are reported, in this order
	local wanted=$1 status=1
	[ -n "$wanted" ] || status=0
	shift
	run $status "${scan[@]}" --json "$@" "$log" || return 1
	[ "$(subjects)" = "$wanted" ] && return
	echo "reported $(subjects)"
	return 1
}
everybody='laura@example.org sales@example.com 186.88.71.5 95.26.14.33 '
ok "the most urgent first" reports "$everybody"
ok "--top 1" reports 'laura@example.org ' --top 1
ok "--top: how many are left out" says 1 "3 more (--top 1)" "${scan[@]}" --top 1 "$log"
ok "--user: a pattern" reports 'laura@example.org sales@example.com ' --user '*@example.???'
ok "--user: whatever the case" reports 'laura@example.org ' --user 'LAURA@*'
ok "--user: an address" reports '95.26.14.33 ' --user '95.26.*'
ok "--user: nobody" reports '' --user 'nobody@*'
ok "--jail: this one alone" reports '186.88.71.5 ' --jail spraying
ok "--since: what was over by then is left out" reports 'laura@example.org ' --since '2026-11-20 18:30'
ok "--since, of a zone" reports 'laura@example.org ' --since 2026-11-20T19:30:00+01:00
ok "--since, in the zone of --tz" reports 'laura@example.org ' --since 2026-11-20T17:15:00Z --tz Europe/Madrid
ok "--until: what came later does not count" reports '186.88.71.5 ' --until '2026-11-20 16:00'
ok "--since and --until" reports 'sales@example.com 95.26.14.33 ' --since '2026-11-20 16:30' --until '2026-11-20 18:00'
ok "--until before the log" reports '' --until 2020-01-01
act_at() { # WANTED ARGUMENT...
	local wanted=$1
	shift
	run 1 "${scan[@]}" --json --user laura@example.org "$@" || return 1
	[ "$(jq -r .act_at "$dir/out")" = "$wanted" ] && return
	echo "act_at is $(jq -r .act_at "$dir/out"), not $wanted"
	return 1
}
ok "--tz: times that name no zone" act_at 2026-11-20T17:44:49Z --tz Europe/Madrid "$log"
ok "--explain: step by step" printed "explain  2026-11-20 18:42:52" 1 "${scan[@]}" --explain "$log"
ok "--explain lists every address" not grep -q "and [0-9]* more (--explain" "$dir/out"
ok "--geoip" printed " VN " 1 scan --geoip "$dir/country.mmdb" --asn "" "$log"
ok "--asn" printed "AS64501 Example Carrier" 1 scan --geoip "" --asn "$dir/asn.mmdb" --jail brute-force \
	<(for s in 10 11 12 13 14 15; do
		echo "Nov 20 18:00:$s mail postfix/smtpd[1]: warning: unknown[10.1.2.3]: SASL LOGIN authentication failed: x"
	done)

# -- the report ---------------------------------------------------------------------------------
ok "text: verdict, rules, what would be done, evidence" awk '
	/^ACT      laura@example.org   score [0-9]+   jail stolen-account$/ { seen["verdict"] }
	/^  suspect since 2026-11-20 18:42:52, act since 2026-11-20 18:44:49$/ { seen["since"] }
	/ many-networks +30 > 25 +network in 1h, score 100 of places$/ { seen["rule"] }
	/would    nftables: 44 addresses into the set/ { seen["set"] }
	/would    postfix-map: laura@example.org REJECT/ { seen["map"] }
	/would    postfix-hold: 44 messages still in the queue/ { seen["hold"] }
	/^  before   last login before it: 2026-11-/ { seen["before"] }
	/^  bots \(44\)$/ { seen["bots"] }
	/^  the owner.s, as far as is known \(2\)$/ { seen["owner"] }
	/^  total    [0-9]+ logins, 55 messages, 1086 recipients, 66 bounced, 46 addresses/ { seen["total"] }
	END { for (s in seen) n++; print n, "of 10"; exit n != 10 }' "$dir/whole"
ok "json: an object a line" sh -c '[ "$(jq -s length "$1")" = "$(wc -l <"$1")" ]' - "$dir/whole.json"
ok "json: keys and their types" jq -es '
	def is($t): type == $t;
	def moment: test("^2026-11-[0-9]{2}T[0-9:]{8}(\\.[0-9]+)?Z$");
	def whole: is("number") and . == floor and . >= 0;
	all(.[];
		(keys - ["jail", "verdict", "score", "suspect_at", "act_at", "cases", "subject", "rules", "addresses",
			"messages", "recipients", "bounces", "queue_ids"]) == [] and
		(.jail | is("string")) and (.verdict | IN("suspect", "act")) and (.score | whole) and
		(.suspect_at | moment) and (.act_at | moment) and (.cases | whole) and
		(.subject | (keys == ["user"] or keys == ["ip"]) and all(.[]; is("string"))) and
		(.rules | length > 0) and
		all(.rules[]; keys - ["group"] == ["max", "name", "score", "value"] and (.value | whole) and .value > .max) and
		(.addresses | length > 0) and
		all(.addresses[]; (.ip | is("string")) and (.known | is("boolean")) and (.bot | is("boolean")) and
			(.first | moment) and (.last | moment) and .first <= .last and
			all(.logins, .messages, .recipients, .bounces, .failures | values; whole) and
			(has("country") or has("asn") | not)))' "$dir/whole.json"
ok "json: sums are those of the addresses" jq -es '
	all(.[] | select(.jail == "stolen-account");
		.messages == ([.addresses[].messages // 0] | add) and
		.recipients == ([.addresses[].recipients // 0] | add) and
		.bounces == ([.addresses[].bounces // 0] | add) and
		(.queue_ids | length == 44 and all(.[]; test("^[0-9A-F]{10,12}$"))))' "$dir/whole.json"
ok "json: the owner is known and no bot" jq -es '
	.[0].addresses | map(select(.bot | not)) | length == 2 and any(.[]; .known)' "$dir/whole.json"
ok "json --explain: steps" sh -c '"$1" scan --quiet --json --explain "$2" |
	jq -es "all(.[]; (.explain | length > 0) and .explain[-1].verdict == .verdict)"' - "$postern" "$log"

# -- input of every form ------------------------------------------------------------------------
like_whole() { # ARGUMENT...: the same report as of the whole log
	run 1 "${scan[@]}" --quiet "$@" && same "$dir/whole" "$dir/out"
}
for packer in gzip bzip2 xz zstd; do
	$packer -c "$log" >"$dir/mail.log.$packer"
	ok "packed with $packer, whatever its name" like_whole <(cat "$dir/mail.log.$packer")
done 2>"$dir/packers"
ok "standard input" sh -c '"$1" scan --quiet --geoip "" --asn "" --tz UTC - <"$2" | cmp - "$3"' - "$postern" "$log" "$dir/whole"
ok "standard input, packed" sh -c 'xz -c "$2" | "$1" scan --quiet --geoip "" --asn "" --tz UTC - | cmp - "$3"' - "$postern" "$log" "$dir/whole"
ok "one thread" like_whole --threads 1 "$log"
ok "four threads" like_whole --threads 4 "$log"
ok "two halves" like_whole "$dir/first.log" "$dir/second.log"
ok "two halves, the later one first" like_whole "$dir/second.log" "$dir/first.log"
ok "one log a service" like_whole "$dir/postfix.log" "$dir/dovecot.log"
ok "one log a service, in the other order" like_whole --threads 1 "$dir/dovecot.log" "$dir/postfix.log"
ok "a pattern" like_whole "$dir/[fs]*.log"
ok "a log named twice counts once" like_whole "$log" "$dir/mail.l*g"
gzip -c "$dir/first.log" >"$dir/mail.log.1.gz"
touch_log "$dir/mail.log.1.gz"
ok "a rotated, packed half and a plain one" like_whole "$dir/second.log" "$dir/mail.log.1.gz"
ok "empty logs beside it" like_whole "$dir/empty.log" "$log"
printf 'log = { "%s/first.log", "%s/sec*.log" }\n' "$dir" "$dir" >"$dir/logs.conf"
ok "logs of postern.conf" like_whole -c "$dir/logs.conf"
printf '%s' "$(cat "$log")" >"$dir/unended.log"
touch_log "$dir/unended.log"
ok "a last line without its end" like_whole "$dir/unended.log"
sed 's/$/\r/' "$log" >"$dir/crlf.log"
touch_log "$dir/crlf.log"
ok "lines that end in CR LF" like_whole "$dir/crlf.log"
sed -E 's/^Nov (..) (........)/2026-11-\1T\2.000000+00:00/' "$log" >"$dir/rfc5424.log"
ok "ISO timestamps" like_whole "$dir/rfc5424.log"

export_of() { # a syslog file as journalctl -o export writes it
	perl -MTime::Local -ne '
		/^Nov (..) (..):(..):(..) mail ([^:\[]+)(?:\[(\d+)\])?: (.*)/ or next;
		printf "__REALTIME_TIMESTAMP=%d000000\nSYSLOG_IDENTIFIER=%s\n_PID=%s\nMESSAGE=%s\n\n",
			timegm($4, $3, $2, $1, 10, 2026), $5, $6 // 1, $7;' "$1"
}
export_of "$log" >"$dir/journal.export"
ok "journal export" like_whole "$dir/journal.export"
ok "journal export, packed" like_whole <(zstd -c "$dir/journal.export")

# -- events, test, check ----------------------------------------------------------------------
ok "events: status 0 without any" run 0 events "$dir/cron.log"
ok "events: status 1 with some" run 1 events "$log"
ok "events: an object a line, with time and kind" jq -es '
	length > 1000 and all(.[]; (.time | test("^2026-11-[0-9]{2}T[0-9:]{8}Z$")) and (.filter | IN("postfix", "dovecot")) and
		(.event | IN("login", "failure", "message", "queued", "bounce", "removed", "logout")))' "$dir/out"
ok "events: fields of a message" jq -es '
	map(select(.event == "message")) | length > 100 and all(.[]; .user and .ip and .queue_id and .method and
		.service == "smtp")' "$dir/out"
ok "events: in order of time" sh -c 'jq -r .time "$1" | sort -c' - "$dir/out"
ok "events: a missing log" says 2 "/none.log: No such file" events "$dir/none.log"
ok "events: several logs" sh -c '[ "$("$1" events "$2" "$3" | sort | cksum)" = "$("$1" events "$4" | sort | cksum)" ]' - \
	"$postern" "$dir/postfix.log" "$dir/dovecot.log" "$log"

line='Nov 20 23:56:35 mail dovecot: imap-login: Login: user=<joe>, method=PLAIN, rip=192.0.2.10, lip=192.0.2.25, mpid=4, TLS, session=<a>'
ok "test: a line that is an event" printed 'login, by match "login" of filter "dovecot"' 1 test "$line"
ok "test: its fields" grep -qE '^  user +joe$' "$dir/out"
ok "test: a line without any literal" printed "literals" 0 test 'Nov 20 23:56:35 mail cron[1]: hello'
ok "test: no time" printed "no time that we know" 0 test "yesterday ${line#Nov 20 23:56:35 }"
ok "test: another program" printed "for this program" 0 test "${line/dovecot:/sshd:}"
ok "test: near, but the regex says no" printed "the regex did not match" 0 test "${line/user=<joe>/user=joe}"
ok "test: ... which regex" grep -qE 'tried +match ".*" of filter "dovecot"' "$dir/out"
ok "test: one filter alone" printed "dovecot" 1 test "$line" dovecot
ok "test: another filter" run 0 test "$line" postfix
ok "test: no such filter" says 2 'no filter is called "qmail"' test "$line" qmail
ok "test: a file, with counts at the end" printed "  postfix / sasl-client" 1 test "$log"
ok "test: counts alone" run 1 test --quiet "$log"
ok "test: ... and nothing else" sh -c '[ "$(wc -l <"$1")" -lt 15 ]' - "$dir/out"
ok "test --json" sh -c '"$1" test --json "$2" | jq -es "length > 1000 and all(.[]; .line and .near)"' - "$postern" "$log"
ok "test: standard input" sh -c 'echo "$2" | "$1" test - | grep -q "1 events"' - "$postern" "$line"
ok "test: no argument" says 2 "expected a log line or a file" test
ok "test: neither a file nor a line" says 2 "$dir/none.log: No such file or directory; expected a file, or a log line" test "$dir/none.log"
ok "test: too many" says 2 "expected a log line or a file" test a b c
ok "check: what is shipped" run 1 check --geoip "$dir/country.mmdb" --asn ""
ok "check: no warning but of what this machine lacks" not grep -vE '^(settings|filters|jails|actions|countries|networks|warning: jail "stolen-account": rule "foreign"|warning: action "mail"|[0-9]+ filters)' "$dir/out"
ok "check: no country database" printed "warning: no country database" 1 check --geoip "" --asn ""
echo 'log = "/nowhere.log"' >"$dir/nowhere.conf"
ok "check: a log that is not there" printed 'warning: log "/nowhere.log": no such file' 1 check -c "$dir/nowhere.conf" --geoip ""
echo 'user = "nobody-here"' >"$dir/nobody.conf"
ok "check: a user that is not there" printed 'warning: there is no user "nobody-here"' 1 check -c "$dir/nobody.conf" --geoip ""
echo 'group = "nobody-here"' >"$dir/nobody.conf"
ok "check: a group that is not there" printed 'warning: there is no group "nobody-here"' 1 check -c "$dir/nobody.conf" --geoip ""
ok "check: an argument" says 2 'expected no argument, not "x"' check x
finish
