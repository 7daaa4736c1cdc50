#!/usr/bin/env bash
# sample.sh: the shipped sample incident is what its script makes, and postern decides on it as
# tests/sample/expected.json says: without a country database and with one.
# shellcheck disable=SC2016,SC2317 # programs are quoted; checks are called by name
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/checks.bash

sample=tests/sample/incident.log

# The log's dates have no year: it is that of the file's own time, and a checkout sets that.
cp $sample "$dir/incident.log"
touch -d '2026-11-20 20:00 UTC' "$dir/incident.log"
for places in geoip geoip6; do
	tests/sample/make-incident --$places >"$dir/$places"
done
packaging/make-geoip.pl "$dir/geoip" "$dir/geoip6" "$dir/country.mmdb" >/dev/null
tests/sample/make-incident >"$dir/again.log"
ok "its script makes it byte for byte" cmp "$dir/again.log" $sample
ok "between 1500 and 3000 lines, at most 400 KB" awk '
	{ bytes += length($0) + 1 }
	END { print NR, bytes; exit !(NR >= 1500 && NR <= 3000 && bytes <= 400000) }' $sample

# The decisions, without the addresses themselves and what each rule counted.
brief() {
	jq -c '{jail, verdict, subject, suspect_at, act_at, addresses: (.addresses | length),
		bots: ([.addresses[] | select(.bot)] | length),
		countries: ([.addresses[].country // empty] | unique | length),
		messages, recipients, bounces, queued: (.queue_ids // [] | length)}
		| del(.[] | nulls)' "$dir/out"
}
as_expected() { # WHICH OPTION...
	local which=$1
	shift
	run 1 scan --json --quiet --tz UTC --asn "" "$@" "$dir/incident.log" || return 1
	brief >"$dir/$which.got"
	jq -c ".\"$which\"[]" tests/sample/expected.json >"$dir/$which.wanted"
	same "$dir/$which.wanted" "$dir/$which.got"
}
ok "decisions without a country database" as_expected without_countries --geoip ""
ok "decisions with a country database" as_expected with_countries --geoip "$dir/country.mmdb"
finish
