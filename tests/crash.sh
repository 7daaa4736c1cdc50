#!/usr/bin/env bash
# crash.sh: posternd is killed again and again while its log is written and rotated under it. At the
# end it has decided what one undisturbed `postern scan` of the same lines decides: nothing is lost,
# nothing is done twice, and the actions were told in the same order.
#
# KILLS (100) and LINES (120000) can be set.
# shellcheck disable=SC2317 # checks are called by name
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/checks.bash

kills=${KILLS:-100}
lines=${LINES:-120000}
. tests/daemon.bash
geoip=/usr/share/tor/geoip # or where `make geoip` unpacked it
[ -e $geoip ] || geoip=build/geoip/geoip
all=$dir/all.log

config() {
	write_config 'checkpoint = 1s' 'brake = off' 'silence_lines = 0'
	# Every decision to act leaves a line, in the order in which it was told.
	cat >"$dir/note" <<-END
		#!/bin/sh
		[ "\$POSTERN_ACTION" = apply ] && echo "\$POSTERN_ID \$POSTERN_JAIL \$POSTERN_USER" >>$dir/order
		exit 0
	END
	chmod 755 "$dir/note"
	cat >"$dir/jails/zz-test.conf" <<-END
		jail "stolen-account" {
		  action "exec" { program = "$dir/note" }
		  action "mail" { sendmail = "/bin/true" }
		}
	END
}

start() {
	"$daemon" -c "$conf_file" --from-start >>"$dir/daemon.out" 2>&1 &
	pid=$!
}

kill_something() {
	local victim
	if [ $((RANDOM % 3)) -eq 0 ]; then
		# The whole of it, as when the machine goes down.
		pkill -9 -P "$pid"
		kill -9 "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
		sleep 0.0$((RANDOM % 10))
		start
	else
		victim=$(child engine) && kill -9 "$victim"
	fi
}

# Appends $all to $log in pieces, now and then half a line, and rotates it: by renaming, by copying and
# truncating; older ones are packed. Ends when all is written.
feed() {
	perl - "$all" "$log" <<'END'
		use strict;
		use warnings;
		use Time::HiRes qw(sleep);
		my ($all, $log) = @ARGV;
		srand 7;
		open my $in, '<', $all or die;
		my ($out, $since) = (undef, 0);
		sub reopen { open $out, '>>', $log or die; $out->autoflush(1); }
		sub shift_older {
			rename "$log.$_.gz", "$log." . ($_ + 1) . '.gz' for reverse 2 .. 30;
			if (-e "$log.1") { system('gzip', '-f', "$log.1"); rename "$log.1.gz", "$log.2.gz"; }
		}
		reopen();
		while (!eof $in) {
			my $text = '';
			for (1 .. 50 + int rand 400) { last if eof $in; $text .= <$in>; $since++; }
			my $half = rand() < 0.2 ? int(length($text) * rand) : length $text;
			syswrite $out, substr($text, 0, $half);
			sleep 0.02;
			syswrite $out, substr($text, $half) if $half < length $text;
			if ($since > 6000 + rand 4000) {
				$since = 0;
				shift_older();
				if (rand() < 0.5) {
					rename $log, "$log.1";
					reopen();
				} else {
					system('cp', '-p', $log, "$log.1");
					truncate $log, 0;
				}
			}
			sleep 0.03 + rand 0.08;
		}
END
}

# JAIL USER WHEN, of every decision to act on an account.
decided_by_scan() {
	"$postern" scan -c "$conf_file" --json --quiet "$all" |
		jq -r 'select(.verdict == "act") | [.jail, .subject.user // .subject.ip] | @tsv' | sort
}
decided_by_daemon() {
	json history '.decision | select(. and .level == "act") | [.jail, .user // .ip] | @tsv' | sort
}
caught_up() { [ "$(json status '.source | select(.) | "\(.position) \(.size)"')" = "$(stat -c '%s %s' "$log")" ]; }

build/plain/tests/simulate detect --accounts 150 --days 6 --seed 11 --geoip "$geoip" \
	--log "$dir/sim.log" --truth "$dir/truth" >/dev/null || exit 77
head -n "$lines" "$dir/sim.log" >"$all"
config
: >"$log"
start
ok "it reads the log" wait_until 20 caught_up
feed &
feeder=$!
# Who is new, and killed before it has noted a place, begins with the file that is there then.
has_begun() { [ "$(json status '.source | select(.) | .position')" -gt 0 ]; }
ok "... and goes on reading" wait_until 20 has_begun
sleep 2

killed=0
while kill -0 "$feeder" 2>/dev/null || [ "$killed" -lt "$kills" ]; do
	sleep "0.$((RANDOM % 8 + 1))"
	kill_something && killed=$((killed + 1))
done
echo "# killed $killed times"
ok "it was killed often enough" [ "$killed" -ge "$kills" ]
ok "it is back, and has read to the end" wait_until 60 caught_up
sleep 1.5

decided_by_scan >"$dir/by-scan"
decided_by_daemon >"$dir/by-daemon"
ok "there was something to decide" grep -q stolen-account "$dir/by-scan"
of_accounts() { same <(grep -E "^(stolen-account|guessing)" "$dir/by-scan") <(grep -E "^(stolen-account|guessing)" "$dir/by-daemon"); }
ok "the same accounts were decided on, none twice" of_accounts
# A scan tells of an attacker once; a ban ends, and who goes on is banned again.
of_addresses() { same <(grep -E "^(brute-force|spraying)" "$dir/by-scan") <(grep -E "^(brute-force|spraying)" "$dir/by-daemon" | uniq); }
ok "... and the same addresses" of_addresses
told_of_all() {
	same <(grep ^stolen-account "$dir/by-scan" | tr '\t' ' ') <(sort -u "$dir/order" | cut -d ' ' -f 2,3 | sort)
}
ok "each was handed to the action once or, after a crash, again" told_of_all
told_first() { awk '!seen[$1]++ { print $1 }' "$dir/order"; }
in_order() { same <(told_first | sort -n) <(told_first); }
ok "in the order of the decisions" in_order
finish
