#!/usr/bin/env bash
# nftables.sh: the plugins nftables and kick in a real kernel, in namespaces of the test's own:
# what is in the sets by the word of nft(8), and what becomes of real connections.
# shellcheck disable=SC2016,SC2317,SC2154,SC2034 # checks are called by name; variables of others
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/e2e/world.bash
. tests/e2e/plugin.bash

plugin=nftables
settings=()
rights=net_admin
bot4=${ipv4[0]} bot4b=${ipv4[1]} bot6=${ipv6[0]} owner=${people[0]}
neighbour6=2001:db8:1::77 # in the /64 of $bot6

reaches() { # ADDRESS [PORT]
	ip netns exec world tests/e2e/sessions try "$1" "${2:-587}"
}
dropped() { # ADDRESS [PORT]
	local status=0
	reaches "$@" || status=$?
	[ "$status" -eq 1 ]
}
refused() { # ADDRESS
	local status=0
	reaches "$@" || status=$?
	[ "$status" -eq 3 ]
}
# The elements of a set, as "ADDRESS SECONDS", where 0 is for good; nft may be a second late.
elements() { # SET [TABLE]
	nft -j list set inet "${2:-postern}" "$1" | jq -r '
		.nftables[] | select(.set) | .set.elem // [] | .[] |
		(if type == "object" and .elem then .elem else { val: . } end) |
		(.val | if type == "object" and .prefix then "\(.prefix.addr)/\(.prefix.len)" else . end) as $key |
		"\($key) \(((.expires // 0) + 5) / 10 | floor * 10)"' | sort
}
holds() { # SET ELEMENTS: separated by commas
	same_list "$(printf %s "$2" | tr , '\n' | sort)" "$(elements "$1" "${3:-postern}")"
}
packets() { # SET: what its rule has counted
	nft -j list chain inet postern incoming | jq --arg set "@$1" '
		[.nftables[] | .rule // empty | select(any(.expr[]; .match.right? == $set)) |
		.expr[] | .counter // empty | .packets] | add // 0'
}
counted() { [ "$(packets "$1")" -gt 0 ]; } # SET
rules() { nft -j list chain inet postern incoming | jq '[.nftables[] | select(.rule)] | length'; }
has_rules() { [ "$(rules)" -eq 4 ]; }
without_rights() { # COMMAND...
	rights='' "$@"
}
state_of() { # ADDRESS PORT: how its session that was held ended
	grep -E "^(reset|ended) $1 $2\$" "$here/held"
}
still_open() { not state_of "$@"; }

make_world
ip -n world address add $neighbour6/128 dev world0 nodad
tests/e2e/sessions serve 192.0.2.25,587 2001:db8::25,587 ::,993 192.0.2.25,8080 2>"$here/serve" &
wait_for listening 587 993 8080 || cat "$here/serve"

# -- what is banned is dropped ------------------------------------------------------------------
ok "before: everybody reaches the server" eval "reaches $bot4 && reaches $bot6 && reaches $owner"
ok "check finds nothing to say" act 0 check
ok "check changed nothing" not nft list table inet postern
ok "ban" act 0 apply --address "$bot4" --address "$bot6" --for 10m
ok "the sets hold them, IPv6 as its /64" eval "holds addresses4 '$bot4 600' && holds addresses6 '${bot6%10} 600'"
ok "IPv4 is dropped" dropped "$bot4"
ok "IPv6 is dropped" dropped "$bot6"
ok "... and its neighbour in the /64" dropped $neighbour6
ok "to a server on IPv6 as well" dropped "$bot4" 993
ok "another port is open" reaches "$bot4" 8080
ok "others are not dropped" eval "reaches $owner && reaches $bot4b && reaches ${ipv6[1]} 993"
ok "the rules' counters rise" eval "counted addresses4 && counted addresses6"
ok "list" act 0 list
ok "... tells both" same_list "$(printf '%s\n' "$bot4" "${bot6%10}/64" | sort)" "$(sed 's/^address //' "$dir/out" | sort)"
ok "again and longer: the time that is left is the longer one" act 0 apply --address "$bot4" --for 1h
ok "... in the set" holds addresses4 "$bot4 3600"
ok "again and shorter" act 0 apply --address "$bot4" --for 1m
ok "... it stays" holds addresses4 "$bot4 3600"
ok "for good" act 0 apply --address "$bot4"
ok "... in the set" holds addresses4 "$bot4 0"
ok "lift" act 0 lift --address "$bot4" --address "$bot6"
ok "the sets are empty" eval "holds addresses4 '' && holds addresses6 ''"
ok "they reach the server again" eval "reaches $bot4 && reaches $bot6 && reaches $bot4 993"
ok "lift once more" act 0 lift --address "$bot4" --address "$bot6"
ok "over by itself" act 0 apply --address "$bot4" --for 1s
ok "... the kernel lets it in again" wait_for reaches "$bot4"

# -- prefixes -----------------------------------------------------------------------------------
ok "ban prefixes, and a host inside one" act 0 apply --address 203.0.113.0/24 --address "$bot4b" --address 2001:db8:2::/47 --for 10m
ok "... in the sets" eval "holds prefixes4 '203.0.113.0/24 600' && holds prefixes6 '2001:db8:2::/47 600' && holds addresses4 '$bot4b 600'"
ok "... they are dropped" eval "dropped ${ipv4[3]} && dropped ${ipv6[1]} && dropped ${ipv6[2]}"
ok "... others not" eval "reaches $bot4 && reaches $bot6"
ok "a prefix inside it is no error" act 0 apply --address 203.0.113.128/25 --for 10m
ok "... and said" said "part of 203.0.113.0/24"
ok "a wider one takes its place" act 0 apply --address 203.0.112.0/23 --for 10m
ok "... in the set" holds prefixes4 '203.0.112.0/23 600'
ok "up to the highest address, and from the lowest" act 0 apply --address 255.255.0.0/16 --address 1.0.0.0/8 --address ffff::/16 --for 10m
ok "... none touches another" holds prefixes4 '203.0.112.0/23 600,255.255.0.0/16 600,1.0.0.0/8 600'
ok "again and longer" act 0 apply --address 255.255.0.0/16 --address 203.0.112.0/23 --for 1h
ok "... in the set" holds prefixes4 '203.0.112.0/23 3600,255.255.0.0/16 3600,1.0.0.0/8 600'
ok "lift all prefixes" act 0 lift --address 203.0.112.0/23 --address 255.255.0.0/16 --address ffff::/16 --address 1.0.0.0/8 --address 2001:db8:2::/47
ok "... none is left" eval "holds prefixes4 '' && holds prefixes6 ''"
ok "... the host inside is still dropped" eval "dropped $bot4b && reaches ${ipv4[3]} && reaches ${ipv6[2]}"
ok "everybody can't be banned" act 1 apply --address 0.0.0.0/0
act 0 lift --address "$bot4b"

# -- others in the same table -------------------------------------------------------------------
nft 'add element inet postern addresses4 { 192.0.2.200, 192.0.2.201 timeout 1h }'
nft 'add element inet postern prefixes4 { 10.0.0.0/8 }'
ok "somebody else's elements: a ban is no error" act 0 apply --address 192.0.2.200 --address 10.0.0.0/8 --for 10m
ok "... and said" said "not by postern"
ok "... nor is lifting" act 0 lift --address 192.0.2.200 --address 192.0.2.201 --address 10.0.0.0/8
ok "... they are as they were" eval "holds addresses4 '192.0.2.200 0,192.0.2.201 3600' && holds prefixes4 '10.0.0.0/8 0'"
ok "... and not listed" eval "act 0 list && not grep -q . '$dir/out'"
nft 'flush set inet postern addresses4; flush set inet postern prefixes4'

# -- many ---------------------------------------------------------------------------------------
many=()
for i in {0..1499}; do
	many+=(--address "10.1.$((i / 250)).$((i % 250))")
done
ok "1500 at once" act 0 apply "${many[@]}" --for 10m
ok "... are there" eval '[ "$(elements addresses4 | wc -l)" -eq 1500 ]'
ok "... in the list as well" eval "act 0 list && [ \$(wc -l <'$dir/out') -eq 1500 ]"
ok "... and once more" act 0 apply "${many[@]}" --for 10m
settings=(size=1000)
ok "another size: the table is made anew" act 1 apply "${many[@]}" --for 10m
ok "... what does not fit is told" said "set addresses4 is full: it takes 1000 elements"
ok "... the others are in" eval '[ "$(elements addresses4 | wc -l)" -eq 1000 ]'
ok "lift them all" act 0 lift "${many[@]}"
ok "... none is left" holds addresses4 ''

# -- what others do to the table ----------------------------------------------------------------
settings=()
ok "ban" act 0 apply --address "$bot4" --for 10m
nft flush ruleset
ok "flush ruleset, then a ban" act 0 apply --address "$bot6" --for 10m
ok "... the table is back" has_rules
ok "... and drops" dropped "$bot6"
ok "list shows what is missing" eval "act 0 list && not grep -qF '$bot4' '$dir/out'"
nft flush chain inet postern incoming
ok "flush chain, then a ban" act 0 apply --address "$bot4" --for 10m
ok "... the rules are back, the sets are full" eval "has_rules && dropped $bot4 && dropped $bot6"
nft delete table inet postern
nft 'add table inet postern; add set inet postern addresses4 { type ipv4_addr; }'
ok "a table of that name that is another's" act 1 apply --address "$bot4"
ok "... is told" said "somebody else's"
ok "... also by check" eval "act 1 check && said \"somebody else's\""
nft delete table inet postern

# -- options ------------------------------------------------------------------------------------
settings=(verdict=reject ports=587 priority=5)
ok "reject" act 0 apply --address "$bot4" --address "$bot6" --for 10m
ok "... is heard at once" eval "refused $bot4 && refused $bot6"
ok "... at no other port" eval "reaches $bot4 993"
ok "... with that priority" eval "nft list chain inet postern incoming | grep -q 'hook input priority filter + 5'"
settings=(ports=all counters=yes hook=prerouting)
ok "all ports, counted for each address" act 0 apply --address "$bot4" --for 10m
ok "... dropped" eval "dropped $bot4 8080 && dropped $bot4"
ok "... counted" eval "nft list set inet postern addresses4 | grep -q '$bot4 counter packets [1-9]'"
settings=(ports=smtp)
ok "a wrong port is told" eval "act 1 apply --address $bot4 && said 'expected a port'"
settings=()
ok "back to the defaults" act 0 apply --address "$bot4" --for 10m
ok "... one chain, four rules" eval "has_rules && [ \$(nft -j list chains | jq '[.nftables[] | select(.chain)] | length') -eq 1 ]"

# -- rights: all that is above had CAP_NET_ADMIN alone ---------------------------------------
ok "without CAP_NET_ADMIN: told" eval "without_rights act 1 apply --address $bot4b && said CAP_NET_ADMIN"
ok "... by check" eval "without_rights act 1 check && said CAP_NET_ADMIN"

# -- kick ---------------------------------------------------------------------------------------
act 0 lift --address "$bot4" --address "$bot6"
plugin=kick
ip netns exec world tests/e2e/sessions hold "$bot4,587" "$bot4,993" "$bot4,8080" "$bot6,587" \
	"$neighbour6,993" "$bot4b,993" "$owner,587" "$owner,993" "${ipv6[1]},587" >"$here/held" 2>&1 &
wait_for eval "[ \$(grep -c ^open '$here/held') -eq 9 ]"
ok "check finds nothing to say" act 0 check
ok "check cut nobody" not grep -qv ^open "$here/held"
ok "without the right: told" eval "without_rights act 1 apply --address $bot4 && said CAP_NET_ADMIN"
ok "... by check" eval "without_rights act 1 check && said CAP_NET_ADMIN"
ok "kick" act 0 apply --address "$bot4" --address "$bot6"
ok "... says how many" said "cut 4 connections"
ok "IPv4 is reset" wait_for state_of "$bot4" 587
ok "... at a server on IPv6 as well" wait_for state_of "$bot4" 993
ok "IPv6 is reset" wait_for state_of "$bot6" 587
ok "... and its neighbour in the /64" wait_for state_of "$neighbour6" 993
ok "each by a reset" eval "[ \$(grep -c ^reset '$here/held') -eq 4 ]"
ok "another port is still open" still_open "$bot4" 8080
ok "others are still open" eval "still_open $owner 587 && still_open $owner 993 && still_open ${ipv6[1]} 587 && still_open $bot4b 993"
ok "a prefix, for which the packet filter comes first" eval "plugin=nftables; act 0 apply --address 203.0.113.0/24 --for 10m; plugin=kick; act 0 apply --address 203.0.113.0/24"
ok "... is reset" wait_for state_of "$bot4b" 993
ok "... and does not come back" dropped "$bot4b" 993
ok "nobody there is no error" act 0 apply --address 192.0.2.99
ok "kick's page: what is open to an address" eval "ss -Htn state established dst $owner | grep -q 587"
settings=(ports=all)
ok "all ports" act 0 apply --address "$bot4"
ok "... are cut" wait_for state_of "$bot4" 8080

# -- the administrator's own sets, with the lines of doc/nftables.md ------------------------------
plugin=nftables
nft flush ruleset
settings=(table=filter set4=mail_bad4 set6=mail_bad6 prefix_set4=mail_badnet4 prefix_set6=mail_badnet6)
ok "no set: told, with the command that makes it" eval "act 1 apply --address $bot4 --for 10m && said 'nft add set inet filter mail_bad4'"
ok "check tells it too" eval "act 1 check && said 'nft add set inet filter mail_bad4'"
ok "no table was made" not nft list table inet postern
nft add table inet filter
eval "$(sed -n "s/.*\(nft add set inet filter mail_bad4 '[^']*'\).*/\1/p" "$dir/out" "$dir/err" | head -n 1)"
ok "the command makes one that fits" eval "act 0 apply --address $bot4 --for 10m && holds mail_bad4 '$bot4 600' filter"
nft flush ruleset
ok "the page's ruleset loads" nft -f <(from_page nftables nftables.conf)
ok "check finds nothing to say" act 0 check
nft 'add element inet filter mail_bad4 { 192.0.2.200 }'
ok "ban" act 0 apply --address "$bot4" --address "$bot6" --address 203.0.113.0/24 --address 2001:db8:2::/48 --for 10m
ok "... into those sets" eval "holds mail_bad4 '$bot4 600,192.0.2.200 0' filter && holds mail_bad6 '${bot6%10} 600' filter && holds mail_badnet4 '203.0.113.0/24 600' filter"
ok "... dropped" eval "dropped $bot4 && dropped $bot6 && dropped $neighbour6 && dropped $bot4b && dropped ${ipv6[1]}"
ok "... others not" eval "reaches $owner && reaches ${ipv6[2]}"
ok "the ruleset is loaded anew, and the ban with it" eval "nft -f <(echo 'flush ruleset'; from_page nftables nftables.conf) && act 0 apply --address $bot4 --for 10m && dropped $bot4"
ok "lift" act 0 lift --address "$bot4" --address "$bot6" --address 203.0.113.0/24
ok "... all is as it was" eval "holds mail_bad4 '' filter && holds mail_badnet4 '' filter && reaches $bot4"
ok "no table was made" not nft list table inet postern
nft 'add table inet wide; add set inet wide all4 { type ipv4_addr; flags interval, timeout; }; add set inet wide plain4 { type ipv4_addr; }'
settings=(table=wide set4=all4)
ok "a set of intervals takes both" act 0 apply --address "$bot4" --address 203.0.113.0/24 --for 10m
ok "... in the set" holds all4 "$bot4 600,203.0.113.0/24 600" wide
settings=(table=wide set4=plain4)
ok "a set without timeouts" act 0 apply --address "$bot4" --for 10m
ok "... in the set" holds plain4 "$bot4 0" wide
ok "... of which check complains" eval "act 1 check && said 'flags timeout'"
nft flush ruleset

# -- the page's commands ------------------------------------------------------------------------
settings=()
ok "the page: apply" act 0 apply --address 192.0.2.66 --address 192.0.2.77 --for 10m
ok "... look" eval "nft list table inet postern && nft list set inet postern addresses4 && nft list chain inet postern incoming"
ok "... one out" nft delete element inet postern addresses4 '{ 192.0.2.77 }'
ok "... in the set" holds addresses4 '192.0.2.66 600'
ok "... all out" nft delete table inet postern
ok "an element taken out by hand is no error" act 0 lift --address 192.0.2.77
finish
