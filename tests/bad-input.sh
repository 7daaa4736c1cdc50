#!/usr/bin/env bash
# bad-input.sh: input and configuration with every kind of mistake. Each gets a clear message or
# is counted, the rest is processed all the same, and memory stays bounded.
# shellcheck disable=SC2016,SC2317 # programs are quoted; checks are called by name
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/checks.bash

log=$dir/mail.log
cp tests/sample/incident.log "$log"
touch -d '2026-11-20 20:00 UTC' "$log"
scan=(scan --geoip "" --asn "" --tz UTC)
"$postern" "${scan[@]}" --quiet "$log" >"$dir/whole"

still_whole() { # STATUS TEXT FILE...: the whole report, and these words
	says "$1" "$2" "${scan[@]}" "${@:3}" && same "$dir/whole" "$dir/out"
}
# Puts the standard input between the two halves of the log.
between() { { head -n 1000 "$log" && cat && tail -n +1001 "$log"; } >"$1" && touch -r "$log" "$1"; }
like() { touch -d '2026-11-20 20:00 UTC' "$@"; }

# -- files --------------------------------------------------------------------------------------
ok "missing" still_whole 2 "postern: $dir/none.log: No such file or directory" "$dir/none.log" "$log"
ok "a pattern without a file" still_whole 2 "$dir/no*.log: No such file" "$dir/no*.log" "$log"
ok "a folder" still_whole 2 "$dir: expected a log file, not a directory" "$dir" "$log"
ok "a device" still_whole 2 "/dev/zero: expected a log file, not a device" /dev/zero "$log"
as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
unreadable() {
	cp "$log" "$dir/secret.log"
	chmod 640 "$dir/secret.log"
	chmod 711 "$dir"
	cp "$postern" "$dir/postern"
	"${as_nobody[@]}" "$dir/postern" "${scan[@]}" --filters filters --jails jail.d "$dir/secret.log" "$log" \
		>"$dir/out" 2>"$dir/err"
	[ $? -eq 2 ] && grep -F "$dir/secret.log: permission denied; expected root or a member of group" "$dir/err" &&
		same "$dir/whole" "$dir/out"
}
if [ "$(id -u)" -eq 0 ] && "${as_nobody[@]}" test -r jail.d/spraying.conf; then
	ok "unreadable, as nobody" unreadable
else
	echo "skip unreadable: needs root, and a tree that all may read"
fi
: >"$dir/empty.log"
like "$dir/empty.log"
ok "empty" run 0 "${scan[@]}" "$dir/empty.log"
ok "empty, beside another" still_whole 1 "2101 lines" "$dir/empty.log" "$log"
perl -e 'srand 7; print pack "C*", map { int rand 256 } 1 .. 65536 for 1 .. 16' >"$dir/random"
ok "binary, 1 MB" says 0 "not one login or failure found; is this a mail log?" "${scan[@]}" "$dir/random"
between "$dir/binary.log" < <(cat "$dir/random" && echo)
ok "binary in the middle" still_whole 1 "378 logins and 123 messages" "$dir/binary.log"
for packer in gzip bzip2 xz zstd; do
	{ $packer -c "$dir/empty.log" | head -c 6 && cat "$dir/random"; } >"$dir/rubbish.$packer"
	ok "$packer: rubbish behind the magic" still_whole 2 "$dir/rubbish.$packer: damaged" "$dir/rubbish.$packer" "$log"
	$packer -c "$log" | head -c 40000 >"$dir/cut.$packer"
	like "$dir/cut.$packer"
	ok "$packer: cut off" says 2 "$dir/cut.$packer: damaged $packer data after " "${scan[@]}" "$dir/cut.$packer"
done
# A block of bzip2 is longer than this log: nothing of it is good when its end is missing.
for packer in gzip xz zstd; do
	ok "$packer, cut off: what was before it counts" sh -c '"$1" events "$2" 2>/dev/null | wc -l | awk "{ exit !(\$1 > 300) }"' - "$postern" "$dir/cut.$packer"
done
for packer in gzip bzip2 xz zstd; do
	perl -e 'print "\0" x 100_000_000' | $packer -1 >"$dir/bomb.$packer"
	ok "$packer: 100 MB of nothing" still_whole 1 "1 lines skipped: longer than any" "$dir/bomb.$packer" "$log"
	{ $packer -c "$log" && echo "and text"; } >"$dir/behind.$packer"
	like "$dir/behind.$packer"
	ok "$packer: text behind it" still_whole 2 "what follows is something else" "$dir/behind.$packer"
done

# -- lines --------------------------------------------------------------------------------------
between "$dir/long.log" < <(perl -e 'print "Nov 16 12:00:00 mail postfix/smtpd[1]: ", "x" x 10_000_000, "\n"')
ok "a line of 10 MB" still_whole 1 "2101 lines|  1 lines skipped: longer than any mail server writes" "$dir/long.log"
ok "a line of 10 MB, with threads" still_whole 1 "  1 lines skipped: longer" --threads 4 "$dir/long.log"
victim='Nov 16 12:00:00 mail dovecot: imap-login: Login: user=<%s>, method=PLAIN, rip=192.0.2.9, lip=192.0.2.25, mpid=4, TLS, session=<a>'
between "$dir/nul.log" < <(perl -e 'printf "$ARGV[0]\n", "a\0b"; print "Nov 16 12:00:0\0 mail dovecot: imap-login: Login: user=<x>, rip=\n\0\0\n\0"' "$victim" && echo)
ok "NUL bytes" still_whole 1 "  1 lines skipped: no time that we know at their start" "$dir/nul.log"
between "$dir/latin1.log" < <(perl -e 'printf "$ARGV[0]\n", $_ for "jos\xe9", "\xff\xfe", "\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80"' "$victim")
ok "invalid UTF-8" still_whole 1 "lines" "$dir/latin1.log"
ok "invalid UTF-8: JSON stays valid" sh -c '"$1" events "$2" | jq -es "length > 1000 and any(.[]; .user | values | contains(\"\ufffd\"))"' - "$postern" "$dir/latin1.log"

# A botnet on an account whose name is an attack on the terminal, and on CSV, HTML and JSON.
evil=$(printf 'x\033[2J\033]0;owned\a\b\r\x7f\xc2\x9b31m\xe2\x80\xae"\\<b>=1+1,{}@example.org')
perl -e 'for my $i (1 .. 30) {
	printf "Nov 20 18:00:%02d mail postfix/smtpd[9]: %05X: client=e\033]0;vil[%d.7.8.9], sasl_method=PLAIN, sasl_username=%s\n",
		$i, 70000 + $i, 20 + $i, $ARGV[0] }' "$evil" >"$dir/evil.log"
like "$dir/evil.log"
tame() { # ARGUMENT...: nothing in the output that moves a cursor
	"$postern" "$@" >"$dir/out" 2>&1
	[ -s "$dir/out" ] || return 1
	not grep -nP '[\x00-\x08\x0b-\x1f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]' "$dir/out"
}
ok "escape sequences: report" tame "${scan[@]}" --explain "$dir/evil.log"
ok "... which names the account" grep -qF 'x\x1b[2j\x1b]0;owned\x07\x08\x0d\x7f' "$dir/out"
ok "escape sequences: JSON" tame "${scan[@]}" --json "$dir/evil.log"
ok "escape sequences: events" tame events "$dir/evil.log"
ok "escape sequences: test" tame test "$dir/evil.log"
ok "escape sequences: a line to test" tame test "$(head -n 1 "$dir/evil.log")"
ok "escape sequences: a file's name" tame scan "$(printf '/\033[2J')"
ok "escape sequences: an option's value" tame scan --top "$(printf '\033[2J')"

# 100,000 names that nobody has, from addresses that come and go.
perl -e 'for my $i (0 .. 99_999) {
	printf "Nov 20 %02d:%02d:%02d mail dovecot: imap-login: Disconnected (auth failed, 1 attempts in 2 secs): "
		. "user=<nobody%d\@example.org>, method=PLAIN, rip=%d.%d.%d.7, lip=192.0.2.25, session=<x>\n",
		10 + $i / 14_400, $i / 240 % 60, $i / 4 % 60, $i, 20 + $i % 170, $i / 170 % 250, $i / 42_500 }' >"$dir/names.log"
like "$dir/names.log"
peak_below() { # MEGABYTES STATUS ARGUMENT...
	local most=$1 status=$2 got
	shift 2
	got=$("${POSTERN_MEASURE:-build/plain/tests/measure}" "$dir/out" "$postern" "$@" 2>"$dir/err")
	echo "seconds, megabytes, status: $got"
	awk -v most="$most" -v status="$status" '{ exit !($2 > 1 && $2 < most && $3 == status) }' <<<"$got"
}
case $postern in
*san*) echo "skip 100,000 names: the sanitiser takes memory of its own" ;;
*)
	ok "100,000 names: below 64 MB" peak_below 64 0 "${scan[@]}" "$dir/names.log"
	ok "1,000,000 names: below 64 MB" peak_below 64 0 "${scan[@]}" <(
		for day in 11 12 13 14 15 16 17 18 19 20; do sed "s/^Nov 20/Nov $day/; s/nobody/n${day}body/" "$dir/names.log"; done)
	;;
esac

# -- time ---------------------------------------------------------------------------------------
login() { # TIME...: a login line each
	local at
	for at; do
		echo "$at mail dovecot: imap-login: Login: user=<joe>, method=PLAIN, rip=192.0.2.9, lip=192.0.2.25, mpid=4, TLS, session=<a>"
	done
}
moments() { # MTIME "MOMENT ..." ZONE TIME...: so the times of a log of that age are read
	local mtime=$1 wanted=$2 zone=$3
	shift 3
	login "$@" >"$dir/times.log"
	touch -d "$mtime" "$dir/times.log"
	"$postern" events --tz "$zone" "$dir/times.log" >"$dir/out" 2>"$dir/err"
	[ "$(jq -r .time "$dir/out" | xargs)" = "$wanted" ] && return
	echo "read: $(jq -r .time "$dir/out" | xargs)"
}
ok "New Year in the middle" moments '2027-01-01 12:00 UTC' '2026-12-31T23:59:59Z 2027-01-01T00:00:01Z' UTC \
	'Dec 31 23:59:59' 'Jan  1 00:00:01'
ok "New Year, in an old log" moments '2020-01-02 12:00 UTC' '2019-12-31T23:59:59Z 2020-01-01T00:00:01Z' UTC \
	'Dec 31 23:59:59' 'Jan  1 00:00:01'
ok "New Year, at packing time" moments '2027-01-01 00:00 UTC' '2026-12-30T08:00:00Z 2026-12-31T23:59:59Z' UTC \
	'Dec 30 08:00:00' 'Dec 31 23:59:59'
ok "29 February of a leap year" moments '2028-03-01 12:00 UTC' '2028-02-28T23:59:59Z 2028-02-29T12:00:00Z 2028-03-01T00:00:00Z' UTC \
	'Feb 28 23:59:59' 'Feb 29 12:00:00' 'Mar  1 00:00:00'
ok "29 February, years later" moments '2030-06-01 12:00 UTC' '2028-02-29T12:00:00Z' UTC 'Feb 29 12:00:00'
{ login 'Feb 30 12:00:00' 'Nov 31 12:00:00' 'Nov 20 25:00:00' && cat "$log"; } >"$dir/dates.log"
like "$dir/dates.log"
ok "dates that do not exist" still_whole 1 "lines skipped: " "$dir/dates.log"
ok "summer time begins" moments '2026-04-01 12:00 UTC' '2026-03-29T00:59:59Z 2026-03-29T01:00:00Z' Europe/Madrid \
	'Mar 29 01:59:59' 'Mar 29 03:00:00'
ok "summer time ends: the hour comes twice" moments '2026-11-01 12:00 UTC' \
	'2026-10-24T23:59:59Z 2026-10-25T00:30:00Z 2026-10-25T00:59:59Z 2026-10-25T01:00:00Z 2026-10-25T02:00:00Z' Europe/Madrid \
	'Oct 25 01:59:59' 'Oct 25 02:30:00' 'Oct 25 02:59:59' 'Oct 25 02:00:00' 'Oct 25 03:00:00'
# A clock that jumps a year ahead and back, and one that stands on 1970: told apart by nobody, but the others are judged as ever.
between "$dir/jumps.log" < <(login '2027-11-16T12:00:00Z' '2025-11-16T12:00:00Z' '1970-01-01T00:00:00Z' '9999-12-31T23:59:59Z')
survives() { # FILE: the stolen account is acted on all the same
	run 1 "${scan[@]}" --json "$1" && jq -es 'any(.[]; .verdict == "act" and .subject.user == "laura@example.org")' "$dir/out"
}
ok "a clock that jumps" survives "$dir/jumps.log"
tac "$log" >"$dir/backwards.log"
like "$dir/backwards.log"
ok "a log that runs backwards" run 1 "${scan[@]}" "$dir/backwards.log"

# -- filters, databases -------------------------------------------------------------------------
mkdir "$dir/filters" "$dir/jails"
cp filters/*.conf "$dir/filters"
cp jail.d/*.conf "$dir/jails"
cat >"$dir/filters/slow.conf" <<'EOF'
filter "slow" {
  daemon = "slowd"
  match "backtracks" {
    regex   = '^slow (?:(?:a+)+)+ from (?<ip>\S+)$'
    event   = failure
    example = 'Nov 20 18:00:00 mail slowd[1]: slow aaa from 192.0.2.1'
  }
}
EOF
between "$dir/slow.log" < <(perl -e 'print "Nov 16 12:00:00 mail slowd[1]: slow ", "a" x 4000, "! from 192.0.2.1\n" x ($_ < 20), $_ < 20 ? "" : "\n" for 1 .. 20')
ok "a regex that backtracks" still_whole 1 "  20 times a regex was stopped at its limit" --filters "$dir/filters" "$dir/slow.log"
ok "... and which it was" sh -c '"$1" test --filters "$2" "$(grep -m 1 slowd "$3")" | grep -qF "match \"backtracks\" of filter \"slow\""' - \
	"$postern" "$dir/filters" "$dir/slow.log"
rm "$dir/filters/slow.conf"

tests/make-mmdb.pl "$dir"
head -c 600 "$dir/country.mmdb" >"$dir/cut.mmdb"
# Good metadata behind rubbish in the tree and in the data; a tree larger than the file.
perl -0777 -pe 'srand 3; my $n = index $_, "\xab\xcd\xefMaxMind.com"; for my $i (1 .. $n / 4) { substr($_, rand $n, 1) = chr rand 256 }' \
	"$dir/country.mmdb" >"$dir/damaged.mmdb"
perl -0777 -pe 's/node_count\K../\xc2\xff\xff/s or die' "$dir/country.mmdb" >"$dir/count.mmdb"
for option in --geoip --asn; do
	ok "$option: no database" says 2 "$log: expected a MaxMind database (.mmdb)" scan $option "$log" "$log"
	ok "$option: empty" says 2 "$dir/empty.log: expected a MaxMind database" scan $option "$dir/empty.log" "$log"
	ok "$option: cut off" says 2 "$dir/cut.mmdb: expected a MaxMind database" scan $option "$dir/cut.mmdb" "$log"
	ok "$option: a folder" says 2 "$dir: " scan $option "$dir" "$log"
	ok "$option: rubbish" says 2 "$dir/random: expected a MaxMind database" scan $option "$dir/random" "$log"
done
ok "--geoip: an ASN database" says 2 "$dir/asn.mmdb: expected a country or city database, found " scan --geoip "$dir/asn.mmdb" "$log"
ok "--asn: a country database" says 2 "$dir/country.mmdb: expected an ASN database, found " scan --asn "$dir/country.mmdb" "$log"
for damage in damaged count; do
	ok "--geoip: $damage database does no harm" sh -c '"$1" scan --geoip "$2" "$3" >/dev/null; [ $? -le 2 ]' - "$postern" "$dir/$damage.mmdb" "$log"
done

# -- configuration ------------------------------------------------------------------------------
# WHAT ~ WHICH FILE (jail, filter, conf) ~ TEXT ~ what is said; FILE stands for the file's path.
while IFS='~' read -r name kind text wanted; do
	case $kind in
	jail) file=$dir/jails/zz-bad.conf with=(--jails "$dir/jails") ;;
	filter) file=$dir/filters/zz-bad.conf with=(--filters "$dir/filters") ;;
	conf) file=$dir/bad.conf with=(-c "$dir/bad.conf") ;;
	esac
	printf '%b\n' "$text" >"$file"
	for verb in scan check; do
		more=()
		[ $verb = check ] || more=("$log")
		ok "$verb: $kind: $name" says 2 "${wanted//FILE/$file}" $verb "${with[@]}" "${more[@]}"
	done
	rm "$file"
done <<'EOF'
unknown key~conf~\nhoem = { "ES" }~FILE:2: unknown key "hoem"; did you mean "home"?
unknown country~conf~home = { "Spain" }~FILE:1: home: expected country codes like "ES", not "Spain"
bad number~conf~known_days = three~FILE:1: known_days: expected a whole number from 0 on, not "three"
no address~conf~\nignoreip = { "192.0.2.256" }~FILE:2: ignoreip: expected an address or a prefix|not "192.0.2.256"
metrics for strangers~conf~\nmetrics = "0.0.0.0:9587"~FILE:2: metrics: expected "127.0.0.1:PORT", "[::1]:PORT" or a path, not "0.0.0.0:9587"
no realm~conf~\ndefault_realm = "example.org, example.net"~FILE:2: default_realm: expected a domain like "example.org", not "example.org, example.net"
a list that is missing~conf~ignoreip = { "file:/nowhere" }~/nowhere: No such file
missing brace~conf~home = { "ES"~FILE:1: 
binary~conf~home = "\0"~FILE: expected text, found a NUL byte
unknown key~jail~jail "j" {\n  findtime = 1h\n}~FILE:2: unknown key "findtime"
unknown key in a rule~jail~jail "j" {\n  rule "r" { count = login max = 3 findtme = 1h }\n}~FILE:2: unknown key "findtme"; did you mean "findtime"?
bad time~jail~jail "j" {\n  rule "r" { count = login max = 3 findtime = soon }\n}~FILE:2: findtime: expected a time like "90", "10m"|not "soon"
unknown field~jail~jail "j" {\n  rule "r" { distinct = planet max = 3 findtime = 1h }\n}~FILE:2: distinct: expected one of |not "planet"
unknown event~jail~jail "j" {\n  rule "r" { count = logins max = 3 findtime = 1h }\n}~FILE:2: count: expected one of |did you mean "login"?
missing brace~jail~jail "j" {\n  rule "r" { count = login max = 3\n~FILE:2: this "{" is never closed
a brace too many~jail~jail "j" {\n  rule "r" { count = login max = 3 findtime = 1h }\n}\n}~FILE:4: no section is open
no name~jail~jail "" {\n  rule "r" { count = login max = 3 findtime = 1h }\n}~FILE:1: jail "": expected a name
a rule misspelt~jail~jail "stolen-account" {\n  rule "sending-countris-in-a-day" { max = 9 }\n}~FILE:2: rule "sending-countris-in-a-day": |did you mean rule "sending-countries-in-a-day"?
no rule~jail~jail "j" { }~FILE:1: jail "j": expected 1 to 
unknown filter~jail~jail "j" {\n  filter = { "qmail" }\n  rule "r" { count = login max = 3 findtime = 1h }\n}~FILE:1: jail "j": |"qmail"
unknown action~jail~jail "j" {\n  rule "r" { count = login max = 3 findtime = 1h }\n  action "nftable" {}\n}~FILE:3: action "nftable": |"nftables"
unknown rule in after~jail~jail "j" {\n  rule "r" { count = login max = 3 findtime = 1h after = "x" }\n}~FILE:2: rule "r": |"x"
unknown section~jail~jial "j" {\n}~FILE:1: unknown key "jial"; did you mean "jail"?
same name twice~jail~jail "j" { }\njail "j" { }~FILE:2: 
string without end~jail~jail "j {\n}~FILE:1: this string never ends
unknown key~filter~filter "f" {\n  demon = "x"\n}~FILE:2: unknown key "demon"; did you mean "daemon"?
bad regex~filter~filter "f" {\n  daemon = "x"\n  match "m" {\n    regex = '^(a'\n    event = login\n    example = 'x'\n  }\n}~FILE:3: match "m": regex: missing closing parenthesis
unknown group~filter~filter "f" {\n  daemon = "x"\n  match "m" {\n    regex = '^(?<usr>a)$'\n    event = login\n    example = 'x'\n  }\n}~FILE:|"usr"
unknown event~filter~filter "f" {\n  daemon = "x"\n  match "m" {\n    regex = '^(?<user>a)$'\n    event = logon\n    example = 'x'\n  }\n}~FILE:5: event: expected login, |not "logon"
no example~filter~filter "f" {\n  daemon = "x"\n  match "m" {\n    regex = '^(?<user>a)$'\n    event = login\n  }\n}~FILE:|match "m"|example
EOF
mkdir "$dir/no-jails"
ok "scan: a folder without jails" says 0 "warning: no jail is enabled" scan --jails "$dir/no-jails" "$log"
ok "check: a folder without jails" run 1 check --jails "$dir/no-jails"
ok "... is named" grep -qF "warning: no jail is enabled" "$dir/out"
cat >"$dir/filters/zz-rotten.conf" <<'EOF'
filter "rotten" {
  daemon = "x"
  match "m" {
    regex   = '^hello (?<user>\S+)$'
    event   = login
    example = 'Nov 20 18:00:00 mail x[1]: good bye joe'
  }
}
EOF
rotten() { run 1 check --filters "$dir/filters" && grep -F 'zz-rotten.conf: filter "rotten": match "m": ' "$dir/out"; }
ok "check: an example that does not match" rotten
finish
