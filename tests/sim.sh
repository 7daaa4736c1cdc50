#!/bin/sh
# sim.sh [SIMULATE JUDGE]: the simulator repeats itself, writes the lines it should, and the
# judge tells a good scan from a bad one. Needs no database: it makes a world of six countries.
# shellcheck disable=SC2016,SC2059 # programs and formats are quoted on purpose
set -eu
export LC_ALL=C

simulate=${1:-build/plain/tests/simulate}
judge=${2:-build/plain/tests/judge}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failures=0

ok() { # NAME COMMAND...: the command succeeds
	name=$1
	shift
	if "$@" >"$dir/out" 2>&1; then
		echo "ok      $name"
	else
		echo "FAILED  $name"
		head -n 20 "$dir/out"
		failures=$((failures + 1))
	fi
}
not() { ! "$@"; }
status() { # WANTED COMMAND...
	wanted=$1 got=0
	shift
	"$@" || got=$?
	[ "$got" -eq "$wanted" ]
}

awk 'BEGIN {
	split("ES FR DE US BR CN", cc)
	for (i = 1; i <= 240; i++)
		printf "%.0f,%.0f,%s\n", (20 + i / 4) * 16777216, (20 + i / 4) * 16777216 + 65535, cc[i % 6 + 1]
}' >"$dir/geoip"
awk 'BEGIN {
	split("ES FR DE US BR CN", cc)
	for (i = 1; i <= 60; i++)
		printf "2a02:%x::,2a02:%x:ffff:ffff:ffff:ffff:ffff:ffff,%s\n", i, i, cc[i % 6 + 1]
}' >"$dir/geoip6"

detect() { # SEED NAME
	"$simulate" detect --seed "$1" --accounts 200 --days 10 --geoip "$dir/geoip" \
		--log "$dir/$2.log" --truth "$dir/$2.truth" --mmdb-ranges "$dir/$2.net"
}
detect 1 a
detect 1 b
detect 2 c
for what in log truth net; do
	ok "the same seed, the same $what" cmp "$dir/a.$what" "$dir/b.$what"
	ok "another seed, another $what" not cmp -s "$dir/a.$what" "$dir/c.$what"
done

# Whatever is left is a line of no known form.
ip='[0-9a-f.:]+' qid='[0-9A-F]{9,12}' client='[^][ ]+\[[0-9a-f.:]+\]'
smtpd='postfix/((submission|smtps)/)?smtpd\[[0-9]+\]:'
cat >"$dir/forms" <<EOF
$smtpd connect from $client\$
$smtpd Anonymous TLS connection established from $client: TLSv1\.3 with cipher .*\$
$smtpd $qid: client=$client(, sasl_method=(PLAIN|LOGIN), sasl_username=[^, ]+@[^, ]+)?\$
$smtpd warning: $client: SASL LOGIN authentication failed: (\(reason unavailable\), sasl_username=[^ ]+|UGFzc3dvcmQ6)\$
$smtpd NOQUEUE: reject: RCPT from $client: 554 5\.7\.1 .*; from=<[^>]*> to=<[^>]*> proto=ESMTP helo=<[^>]*>\$
$smtpd disconnect from $client ehlo=.* commands=[0-9/]+\$
$smtpd lost connection after EHLO from $client\$
$smtpd warning: hostname [^ ]+ does not resolve to address $ip: Name or service not known\$
postfix/anvil\[[0-9]+\]: statistics: max (connection (rate [0-9]+/60s|count [0-9]+) for \(smtp:$ip\)|cache size [0-9]+) at .*\$
postfix/cleanup\[[0-9]+\]: $qid: message-id=<[^ >]+>\$
postfix/qmgr\[1180\]: $qid: (from=<[^ >]*>, size=[0-9]+, nrcpt=[0-9]+ \(queue active\)|removed)\$
postfix/(smtp|lmtp)\[[0-9]+\]: $qid: to=<[^ >]+>, relay=[^ ]+, delay=[0-9.]+, delays=[0-9./]+, dsn=[245]\.[0-9.]+, status=(sent|bounced|deferred) \(.*\)\$
postfix/bounce\[[0-9]+\]: $qid: sender non-delivery notification: $qid\$
dovecot: (imap|pop3)-login: Login: user=<[^ >]+>, method=PLAIN, rip=$ip, lip=$ip, mpid=[0-9]+, (TLS|secured), session=<[^ >]{16}>\$
dovecot: (imap|pop3)\([^ )]+\)<[0-9]+><[^ >]{16}>: Disconnected: .*\$
dovecot: (imap|pop3)-login: Disconnected: Connection closed \(auth failed, 1 attempts in 2 secs\): user=<[^ >]+>, method=PLAIN, rip=$ip, lip=$ip, TLS, session=<[^ >]{16}>\$
EOF
sed -E 's/.*/^DATE mail &/' "$dir/forms" >"$dir/dated"
forms() { # DATE LOG
	sed "s/DATE/$1/" "$dir/dated" >"$dir/want"
	not grep -Evf "$dir/want" "$dir/$2"
}
ok "detect: forms of the lines" forms '2026-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{6}\\+02:00' a.log
ok "detect: in order of time" sort -c "$dir/a.log"

"$simulate" bench --lines 50000 --accounts 200 --geoip "$dir/geoip" --log "$dir/bench.log"
ok "bench: forms of the lines" forms 'Sep  ?[0-9]+ [0-2][0-9]:[0-5][0-9]:[0-5][0-9]' bench.log
ok "bench: so many lines, of which so many logins" awk '
	{ bytes += length($0) + 1 }
	/: client=.*sasl_username=|-login: Login: / { logins++ }
	/SASL .* failed|\(auth failed/ { failures++ }
	END {
		printf "%d lines of %.1f bytes, %d logins, %d failures\n", NR, bytes / NR, logins, failures
		exit !(NR >= 50000 && NR < 50100 && bytes / NR > 145 && bytes / NR < 165 &&
			logins > NR * 0.09 && logins < NR * 0.11 && failures > NR * 0.02 && failures < NR * 0.04)
	}' "$dir/bench.log"

# A scan that acts on each stolen account at its first login, or on everybody in the first hour.
sed -nE 's/.*"user":"([^"]*)".*"stolen":true,"stolen_from":"([^"]*)","bot_logins":\[\{"time":"[^"]*","ip":"([^"]*)".*/\1 \2 \3/p' \
	"$dir/a.truth" >"$dir/stolen"
finding='{"jail":"stolen-account","verdict":"act","score":100,"suspect_at":"%s","act_at":"%s","subject":{"user":"%s"},"rules":[{"name":"many-networks","value":11,"max":10,"score":100}],"addresses":[{"ip":"%s","bot":true}]}\n'
awk -v f="$finding" '{ printf f, $2, $2, $1, $3 }' "$dir/stolen" >"$dir/good.json"
sed -nE 's/.*"user":"([^"]*)".*/\1/p' "$dir/a.truth" |
	awk -v f="$finding" '{ printf f, "2026-09-07T01:00:00Z", "2026-09-07T01:00:00Z", $1, "192.0.2.1" }' >"$dir/bad.json"
last=$(sed -nE 's/.*"user":"([^"]*)","class":"fast-botnet".*\{"time":"([^"]*)","ip":"([^"]*)"\}\],"owner_ips.*/\1 \2 \3/p;T;q' "$dir/a.truth")
# shellcheck disable=SC2086 # three words
set -- $last
printf "$finding" "$2" "$2" "$1" "$3" | cat - "$dir/good.json" | awk -v u="$1" '!index($0, u) || !seen++' >"$dir/late.json"
used=$(sed -nE 's/.*"user":"([^"]*)".*"stolen":false.*"known_ips":\[\{"ip":"([^"]*)","since":"([^"]*)".*/\1 \2 \3/p;T;q' "$dir/a.truth")
# shellcheck disable=SC2086
set -- $used
printf "$finding" "$3" "$3" "$1" "$2" >"$dir/owner.json"
known=$(sed -nE 's/.*"known_ips":\[\{"ip":"([^"]*)".*/\1/p;T;q' "$dir/a.truth")
printf '{"jail":"brute-force","verdict":"act","score":100,"act_at":"2026-09-16T00:00:00Z","subject":{"ip":"%s"}}\n' \
	"$known" >"$dir/office.json"
: >"$dir/empty.json"
echo '{"jail"' >"$dir/broken.json"
ok "some accounts are stolen" test -s "$dir/stolen"
ok "judge: a good scan keeps the promises" status 0 "$judge" --require "$dir/a.truth" "$dir/good.json"
ok "judge: the first login is login 1" sh -c '"$1" "$2" "$3" | grep -Eq "^fast-botnet +[1-9] +100.0 +100.0 +0 +1 +1 +1 +0.0 "' \
	- "$judge" "$dir/a.truth" "$dir/good.json"
ok "judge: acting at the last login breaks them" sh -c '"$1" --require "$2" "$3" | grep -q "^BROKEN: fast-botnet: bot logins before act"' \
	- "$judge" "$dir/a.truth" "$dir/late.json"
ok "judge: banning what the owner uses breaks them" sh -c '"$1" --require "$2" "$3" | grep -q "^BROKEN: .*: known addresses listed for banning: 1"' \
	- "$judge" "$dir/a.truth" "$dir/owner.json"
ok "judge: acting on everybody breaks them" status 1 "$judge" --require "$dir/a.truth" "$dir/bad.json"
ok "judge: a banned office breaks them" sh -c 'cat "$2" "$3" | "$1" --require "$4" - | grep -q "^BROKEN: address jails"' \
	- "$judge" "$dir/good.json" "$dir/office.json" "$dir/a.truth"
ok "judge: finding nothing breaks them" status 1 "$judge" --require "$dir/a.truth" "$dir/empty.json"
ok "judge: without --require it only tells" status 0 "$judge" "$dir/a.truth" "$dir/bad.json"
ok "judge: no JSON is an error" status 2 "$judge" "$dir/a.truth" "$dir/broken.json"

[ "$failures" -eq 0 ]
