#!/usr/bin/env bash
# detect.sh: the shipped jails keep what doc/detection.md promises, on a small simulated server:
# without any database, with one of countries, and with one of networks as well.
# shellcheck disable=SC2317 # ok() calls the functions below
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/checks.bash

geoip=${GEOIP:-/usr/share/tor/geoip}
[ -e "$geoip" ] || geoip=build/geoip/geoip
for needed in "$geoip" build/country.mmdb build/plain/tests/simulate build/plain/tests/judge; do
	if [ ! -e "$needed" ]; then
		echo "no $needed; make geoip tests"
		exit 77
	fi
done

needs() { # COMMAND...: nothing can be tested without it
	local status=0
	"$@" || status=$?
	[ $status -eq 0 ] || { echo "$1 ended with status $status" && exit 2; }
}
needs build/plain/tests/simulate detect --seed 7 --accounts 1000 --days 30 --geoip "$geoip" \
	--log "$dir/mail.log" --truth "$dir/truth" --mmdb-ranges "$dir/networks"
needs tests/bench/make-asn.pl "$dir/networks" "$dir/asn.mmdb"

decides() { # STATUS OF THE JUDGE, OPTIONS OF scan...
	local wanted=$1 got=0
	shift
	run 1 scan --json --quiet "$@" "$dir/mail.log" || return 1
	build/plain/tests/judge --require "$dir/truth" "$dir/out" >"$dir/judged" || got=$?
	[ "$got" -eq "$wanted" ] && return
	grep BROKEN "$dir/judged"
	return 1
}

# Everybody who was stolen is found, fast botnets by their twelfth login; nobody else is acted on.
all_found() {
	awk '$1 == "stolen" { in_stolen = 1 } $1 == "innocent" { exit }
		in_stolen && $3 ~ /^[0-9.]+$/ { n++; if ($3 < 100) { print; bad = 1 } }
		END { exit bad || n < 6 }' "$dir/judged"
}
seldom_told() {
	awk '/^told of innocents/ { print; found = 1; if ($6 >= 1) bad = 1 } END { exit bad || !found }' \
		"$dir/judged"
}

country=(--geoip build/country.mmdb --asn "")
ok "a database of countries: promises kept" decides 0 "${country[@]}"
ok "... every stolen account is acted on" all_found
ok "... less than one needless mail a day per 1000 accounts" seldom_told
ok "no database: promises kept" decides 0 --geoip "" --asn ""
ok "... every stolen account is acted on" all_found
ok "networks and countries: promises kept" decides 0 --geoip build/country.mmdb --asn "$dir/asn.mmdb"
ok "... every stolen account is acted on" all_found

# That the check can fail: whoever sends from a second country is acted on.
cp -r jail.d "$dir/jail.d"
cat >"$dir/jail.d/zz-local.conf" <<'EOF'
jail "stolen-account" { rule "sending-countries" { score = 100 } }
EOF
ok "a jail that acts on travellers is told" decides 1 "${country[@]}" --jails "$dir/jail.d"
finish
