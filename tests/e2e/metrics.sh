#!/usr/bin/env bash
# metrics.sh: what posternd tells Prometheus, judged by Prometheus' own promtool: at the start, and when
# there are lines, events, decisions and warnings to tell of. Debian's package is unpacked into
# build/prometheus, for promtool alone is wanted of it.
# shellcheck disable=SC2154,SC2317 # checks are called by name
set -u
cd "$(dirname "$0")/../.." || exit 2

promtool=build/prometheus/usr/bin/promtool

# Out here, where there is a network.
prepare() {
	[ -x $promtool ] && return
	rm -rf build/prometheus build/prometheus.new
	mkdir -p build/prometheus.new
	(cd build/prometheus.new && apt-get download -q prometheus) >build/prometheus.apt.log 2>&1 ||
		skip "can't fetch prometheus: $(grep -m 1 '^E:' build/prometheus.apt.log)"
	dpkg-deb --fsys-tarfile build/prometheus.new/prometheus_*.deb |
		tar -x -C build/prometheus.new ./usr/bin/promtool
	rm build/prometheus.new/*.deb
	mv build/prometheus.new build/prometheus
}
. tests/e2e/world.bash
. tests/daemon.bash

page() {
	perl -MIO::Socket::UNIX -e '
		my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "connect: $!";
		print $s "GET /metrics HTTP/1.0\r\n\r\n";
		while (<$s>) { last if /^\r?\n/ }
		print while <$s>' "$dir/run/metrics"
}
likes() { page | $promtool check metrics; }
has() { page | grep -qE "$1"; } # REGEX

write_config "metrics = \"$dir/run/metrics\"" 'checkpoint = 1s'
echo 'jail "stolen-account" { action "mail" { sendmail = "/bin/true" } }' >"$dir/jails/zz-test.conf"
: >"$log"
ok "it starts" start_daemon
ok "promtool likes what it tells of nothing" likes
cat tests/sample/incident.log >>"$log"
ok "lines are counted" wait_until 10 has '^postern_lines_total\{[^}]*\} [1-9]'
ok "... events" has '^postern_events_total\{[^}]*\} [1-9]'
ok "... decisions" wait_until 10 has '^postern_[a-z_]*decisions[a-z_]*\{[^}]*\} [1-9]'
ok "promtool likes it all" likes
spoilt() { ! { page && echo 'postern_lines_total{source=x} 1'; } | $promtool check metrics; }
ok "... and would tell of a mistake" spoilt
ok "it ends well" stop_daemon
pid=
finish
