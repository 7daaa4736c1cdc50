#!/usr/bin/env bash
# exim.sh: a real Exim, in namespaces of the test's own. What postern says of its main log has to
# agree with what the clients did and what the queue holds.
# shellcheck disable=SC2016,SC2317 # programs are quoted; checks are called by name
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/e2e/exim.bash
. tests/e2e/world.bash

sessions() {
	local i
	for i in "${!people[@]}"; do
		echo "smtp ${people[i]} person$i@example.org secret 2 friend$i@example.net,boss$i@example.com"
	done
	echo "smtp ${people[3]} person3@example.org mistyped"
	for i in {1..6}; do
		echo "smtp $attacker person1@example.org guess$i"
	done
	for i in "${!bots[@]}"; do
		echo "smtp ${bots[i]} $victim secret 1 a$i@example.net,b$i@example.com,c$i@far.example.net,nobody@invalid.example.net"
		echo "smtp ${bots[i]} $victim secret 1 d$i@example.net,e$i@example.com"
	done
	echo "smtp ${bots[4]} $victim secret 0"
}

in_queue() { # the ids of the victim's messages
	"$exim" -bpru | awk -v user="<$victim>" '$4 == user { print $3 }' | sort
}
settled() { [ "$(grep -c ' == ' "$log")" -ge 72 ]; } # each message was tried

make_world
make_countries
write_config
start_exim
sessions | clients >"$here/clients" 2>&1
wait_for settled
sleep 0.2 # the last line may still be on its way to the log
ok "the server took what it should" awk '
	/^laura@example.org [0-9a-f.:]+ [0-9A-Za-z-]+$/ { sent++ }
	/^person[0-9]@example.org [0-9.]+ [0-9A-Za-z-]+$/ { others++ }
	/: 535 / { failed++ }
	/: 550 no such user/ { refused++ }
	END { print sent, others, failed, refused; exit !(sent == 60 && others == 12 && failed == 7 && refused == 30) }' "$here/clients"

finds_the_bots "$log"
ok "messages" is 60 .messages
ok "recipients, as far as they were delivered to" is 60 .recipients
ok "bounces: those refused at once, and those refused later" is 60 .bounces
ok "a login without a message" is 1 \
	"[.addresses[] | select(.ip == \"${bots[4]}\", .ip == \"${bots[6]}\") | .logins] | sort | .[1] - .[0]"
ok "queue ids are those of the queue" same_list "$(in_queue)" "$(decision '.queue_ids[]' | tr -d '"' | sort)"
ok "the attacker's address, and no other" same_list "brute-force $attacker" \
	"$(jq -r 'select(.subject.ip) | "\(.jail) \(.subject.ip)"' "$dir/out")"
finish
