#!/usr/bin/env bash
# soak.sh: posternd on a busy log that is rotated while it is written: memory and descriptors stay what
# they were after the first part of it, and no line is lost.
#
# LINES (400000), ACCOUNTS (500) and RATE (20000 a second; 0: as fast as can be) can be set: an hour's worth is
# LINES=72000000 ACCOUNTS=5000.
# shellcheck disable=SC2016,SC2317 # programs are quoted; checks are called by name
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/checks.bash
. tests/daemon.bash
geoip=/usr/share/tor/geoip # or where `make geoip` unpacked it
[ -e $geoip ] || geoip=build/geoip/geoip

lines=${LINES:-400000}
write_config 'checkpoint = 1s'
echo 'jail "stolen-account" { action "mail" { sendmail = "/bin/true" } }' >"$dir/jails/zz-test.conf"
: >"$log"
ok "it starts" start_daemon

# Lines from standard input into $log, RATE a second; after every tenth of them the log is renamed, or
# copied and truncated, and the older ones vanish.
feed() {
	perl -MTime::HiRes=time,sleep -e '
		my ($log, $lines, $rate) = @ARGV;
		open my $out, ">>", $log or die;
		my ($n, $turn, $start) = (0, 0, time);
		while (1) {
			my $text = "";
			for (1 .. 2000) { my $line = <STDIN> // last; $text .= $line; $n++; }
			last if $text eq "";
			syswrite $out, $text or die;
			if ($rate) { my $wait = $start + $n / $rate - time; sleep $wait if $wait > 0; }
			next if $n < ($turn + 1) * $lines / 10;
			rename "$log.1", "$log.2";
			if ($turn++ % 2) { rename $log, "$log.1"; open $out, ">>", $log or die }
			else { system "cp", $log, "$log.1"; truncate $log, 0 }
			sleep 0.5;
		}' "$log" "$lines" "${RATE:-20000}"
}
resident() { awk '/^VmRSS/ { print $2 }' "/proc/$(child engine)/status"; }
descriptors() { find "/proc/$(child engine)/fd" -type l | wc -l; }
lines_read() { json status 'select(.source) | .source.lines'; }
read_all() { [ "$(lines_read)" -ge "$1" ]; }

build/plain/tests/simulate bench --lines "$lines" --accounts "${ACCOUNTS:-500}" --geoip "$geoip" --log - 2>"$dir/sim.err" |
	feed &
feeder=$!
ok "half of it is read" wait_until 3000 read_all $((lines / 2))
warm=$(resident) open=$(descriptors) monitor_open=$(find "/proc/$pid/fd" -type l | wc -l)
wait "$feeder"
ok "all of it is read" wait_until 60 read_all "$lines"
sleep 12 # as long as a file that was renamed is still looked at
every_line() { # the simulator ends a message that it has begun: some lines more
	local got
	got=$(lines_read)
	echo "$got lines were read of $lines"
	[ "$got" -ge "$lines" ] && [ "$got" -le $((lines + 10)) ]
}
ok "no line was lost or read twice" every_line
grown() {
	local now
	now=$(resident)
	echo "$warm KB after half, $now KB at the end"
	[ "$now" -le $((warm * 115 / 100)) ]
}
ok "memory has not grown" grown
echo "# $warm KB after half, $(resident) KB at the end"
ok "descriptors neither" [ "$(descriptors)" -le "$((open + 1))" ]
ok "... of the monitor" [ "$(find "/proc/$pid/fd" -type l | wc -l)" -le "$((monitor_open + 1))" ]
ok "it ends well" stop_daemon
pid=
finish
