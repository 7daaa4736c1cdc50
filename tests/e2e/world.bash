#!/usr/bin/env bash
# world.bash: what the end-to-end tests share; sourced by them.
#
# A test runs itself again as the first process of its own namespaces of processes, mounts and
# network, with a /run and an /etc of its own. So nothing that it starts, mounts or writes
# there outlives it, however it ends, and no server of this machine is ever in its sight.
#
# What has to happen before, outside, a test puts into a function `prepare`.
#
# The mail server has 192.0.2.25 and 2001:db8::25. Across a pair of interfaces lies "world",
# another network namespace, with the addresses of the clients.
# shellcheck disable=SC2034 # the variables are the tests' own

skip() {
	echo "$*"
	[ "${E2E:-}" = required ] && exit 1
	exit 77
}

if [ -z "${E2E_INSIDE:-}" ]; then
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	unshare --net --pid --fork --mount true 2>/dev/null || skip "namespaces can't be made here"
	if declare -F prepare >/dev/null; then
		prepare
	fi
	E2E_INSIDE=1 exec unshare --net --pid --fork --kill-child --uts --mount --mount-proc bash "$0" "$@"
fi

mount -t tmpfs none /run
mkdir -m 755 /run/etc /run/e2e /run/tmp
cp -a /etc/. /run/etc
mount --bind /run/etc /etc
export TMPDIR=/run/tmp
. tests/checks.bash
here=/run/e2e

ipv4=() ipv6=()
for i in {1..10}; do
	ipv4+=("198.51.100.$((i * 7))" "203.0.113.$((i * 9))")
	ipv6+=("2001:db8:$i::10")
done
bots=("${ipv4[@]}" "${ipv6[@]}")
people=(198.51.100.{201..206})
attacker=203.0.113.250
victim=laura@example.org # whose password the bots have

make_world() {
	local address
	ip netns add world
	ip link add mail0 type veth peer name world0 netns world
	ip address add 192.0.2.25/24 dev mail0
	ip address add 2001:db8::25/64 dev mail0 nodad
	ip link set lo up
	ip link set mail0 up
	{
		echo "address add 192.0.2.1/24 dev world0"
		echo "address add 2001:db8::1/64 dev world0 nodad"
		for address in "${ipv4[@]}" "${people[@]}" $attacker; do
			echo "address add $address/32 dev world0"
		done
		for address in "${ipv6[@]}"; do
			echo "address add $address/128 dev world0 nodad"
		done
		echo "link set lo up"
		echo "link set world0 up"
	} | ip -n world -batch -
	ip route add 198.51.100.0/24 dev mail0
	ip route add 203.0.113.0/24 dev mail0
	ip -6 route add 2001:db8::/32 dev mail0
}

clients() { ip netns exec world tests/e2e/client; }

# Every bot is in a country of its own, as far as this database is concerned; everybody else at home.
make_countries() {
	local codes=(AR BD BR CL CN CO EG GB ID IN IR IT JP KE KR MA MX MY NG PE PH PK PL RO RU SA TH TR UA VE) i
	for i in "${!ipv4[@]}"; do
		echo "$(number "${ipv4[i]}"),$(number "${ipv4[i]}"),${codes[i]}"
	done >"$here/geoip"
	echo "$(number 198.51.100.200),$(number 198.51.100.210),ES" >>"$here/geoip"
	for i in "${!ipv6[@]}"; do
		echo "${ipv6[i]%10},${ipv6[i]%10}ffff:ffff:ffff:ffff,${codes[i + 20]}"
	done >"$here/geoip6"
	packaging/make-geoip.pl "$here/geoip" "$here/geoip6" "$here/country.mmdb" >/dev/null
}

number() { # IPV4
	local IFS=. part sum=0
	for part in $1; do
		sum=$((sum * 256 + part))
	done
	echo $sum
}

wait_for() { wait_until 10 "$@"; } # COMMAND...

listening() { # PORT...
	local port
	for port; do
		ss -Hltn "sport = :$port" | grep -q . || return 1
	done
}
in_world() { # PORT...
	ip netns exec world bash -c "$(declare -f listening) && listening $*"
}

# What a session's host is called in a report: an IPv6 address by its /64.
hosts() { printf '%s\n' "$@" | sed -E 's/^(2001:db8:[0-9a-f]+)::10$/\1::\/64/' | sort; }

# -- what the report says ---------------------------------------------------------------------
decision() { # JQ FILTER: of the victim's decision
	jq -e --arg user "$victim" "select(.subject.user == \$user and .jail == \"stolen-account\") | $1" "$dir/out"
}
is() { # WANTED JQ FILTER
	local got
	got=$(decision "$2" | jq -cr .)
	[ "$got" = "$1" ] && return
	echo "expected $1, not $got"
	return 1
}
scan=(scan --json --quiet --geoip "$here/country.mmdb" --asn "" --tz UTC)
finds_the_bots() { # LOG...: a scan of them acts on the victim alone, by the bots' addresses
	ok "scan" run 1 "${scan[@]}" "$@"
	ok "acts on exactly that account" same_list "$victim" \
		"$(jq -r 'select(.jail == "stolen-account") | .subject.user' "$dir/out")"
	ok "... and says act" is act .verdict
	ok "its addresses" same_list "$(hosts "${bots[@]}")" "$(decision '[.addresses[] | select(.bot) | .ip] | sort[]' | tr -d '"')"
}
same_list() { # WANTED GOT: texts of many lines
	diff <(echo "$1") <(echo "$2")
}
