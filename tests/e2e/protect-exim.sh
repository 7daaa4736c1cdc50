#!/usr/bin/env bash
# protect-exim.sh: protect.sh in small, with a real Exim that is set up as doc/exim.md and README say. Bots
# log in with a stolen password; posternd reads the main log, bans them, cuts their connections,
# closes the account to sending and freezes what it has in the queue. Everybody else sends on, and the
# account still gets its mail. Then one command undoes all of it.
#
# Messages wait in the queue untried until it is run, for the file $here/queue-only is there.
# shellcheck disable=SC2016,SC2034,SC2119,SC2154,SC2317 # programs are quoted; checks are called by name
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/e2e/exim.bash
. tests/e2e/world.bash
. tests/e2e/plugin.bash
exim_log=$log write_exim_config=$(declare -f write_config)
. tests/e2e/posternd.bash # whose $log and write_config are the daemon's
eval "$write_exim_config"

owner=192.0.2.1 # laura's own address: she sent from there on other days
friend=person2@example.org
blocked=/etc/exim4/postern-blocked # as in the page

# The jails of README's path for Exim, but for where this Exim is.
readme_jails() {
	awk '/^## / { here = /with Exim/ } here && /^       / { print }' README.md |
		sed "s|action \"exim\" {}|action \"exim\" { exim = \"$exim\" }|"
}
past() { # three days of Exim's log
	local day id
	for day in 3 2 1; do
		id=1abcd$day-000000-00
		date -d "-$day days 10:00" "+%F %T $id <= $victim H=(pc) [$owner] P=esmtpa A=plain_server:$victim S=500%n%F %T $id Completed"
	done
}
queued_by() { "$exim" -bpru | awk -v user="<$1>" '$4 == user { print $3 }' | sort; }
frozen() { "$exim" -bpru | awk '/\*\*\* frozen \*\*\*/ { print $3 }' | sort; }
sends() { # USER RECIPIENT
	echo "smtp ${people[1]} $1 secret 1 $2" | clients >"$dir/sent" 2>&1
	grep -q "^$1 .* [0-9A-Za-z-]\{16,\}$" "$dir/sent"
}
is_refused() { not sends "$victim" z@example.net && grep -qF ': 550 this account is blocked' "$dir/sent"; }
# What the clients were told that it was taken; a bot that was cut off may not have heard it.
taken() { sed -nE "s/^$victim [0-9a-f.:]+ ([0-9A-Za-z-]{16,})$/\\1/p" "$here/clients"; }
logged() { grep -qE -- "$1" "$exim_log"; }
held_open() { grep -q "^open $1 587\$" "$here/held"; }
was_cut() { grep -q "^reset $1 587\$" "$here/held"; }
late() { ip netns exec world tests/e2e/sessions try "$1" 587; } # a banned address has a way in

# -- the server, as the pages say ------------------------------------------------------------------
make_world
make_countries
install_exim
for name in main reject panic; do
	install -o 64997 -g 64997 -m 640 /dev/null "$here/${name}log"
done
chmod 755 "$here" # below a folder of everybody's no plugin is taken
exim_main="queue_only_file = $here/queue-only"
exim_mail=$(from_page exim exim.conf)
write_config # Exim's
past >"$here/past.log"
readme_jails >"$here/readme.conf"
configure "log = { \"$here/past.log\", \"$exim_log\" }" 'reconcile = 3s' 'home = { "ES" }' <"$here/readme.conf"
ok "README's jails are those of this test" grep -q "action \"exim\" { exim = " "$here/readme.conf"
ok "the page's command makes the file" "$postern" action exim list --plugins "$here/plugins" --option "exim=$exim"
ok "... for all to read" [ "$(stat -c %a "$blocked")" = 644 ]
echo >"$here/queue-only"
start_exim
ok "check has nothing to say" run 0 check -c "$conf_file" --quiet
start_ours
ok "posternd is ready" is_ready

# -- the theft -------------------------------------------------------------------------------------
ip netns exec world tests/e2e/sessions hold "${bots[3]},587" "${people[0]},587" >"$here/held" 2>&1 &
ok "connections are open" wait_for held_open "${people[0]}"
ok "... of a bot too" wait_for held_open "${bots[3]}"
ok "a session of the account is open" smtp_open $victim
echo "smtp $owner $victim secret 2 aunt@example.com" | clients >"$here/clients" 2>&1
ok "a friend sends" sends $friend uncle@example.net
before=$(queued_by "$victim")
for i in {0..25}; do
	echo "smtp ${bots[i]} $victim secret 1 a$i@example.com,b$i@example.com"
done | clients >>"$here/clients" 2>&1
ok "the account is acted on" wait_for has_said "act user $victim"
for action in nftables kick exim; do
	ok "$action says applied" wait_for is_applied $action
done

# -- the bots
ok "bots are in the kernel's sets" many "$(banned | wc -l)" 5
ok "her own address is not" not grep -qx $owner <(banned)
ok "... nor are others" not grep -qx "${people[1]}" <(banned)
ok "a bot's open connection was cut" wait_for was_cut "${bots[3]}"
ok "... another's was not" not was_cut "${people[0]}"
ok "a banned address can't connect" not late "${bots[3]}"

# -- the account
ok "Exim refuses the account, and says why" is_refused
ok "... also in the session that was open" not smtp_message $victim x@example.net
all_frozen() { same_list "$(queued_by "$victim")" "$(frozen)"; }
ok "all of its messages are frozen, and no others" wait_for all_frozen
ok "... those that were sent before it was decided" many "$(comm -12 <(echo "$before") <(frozen) | wc -l)" 2
ok "others send on, also to the account" sends $friend $victim
ok "the queue is run" "$exim" -q
ok "... what was sent to the account is delivered" wait_for logged "=> :blackhole: <$victim>"
ok "... and nothing of what it sent" not logged "=> :blackhole: <[ab][0-9]|=> :blackhole: <aunt"

# -- the world is changed behind its back, and it is killed
nft flush ruleset
ok "a flushed ruleset is mended" wait_for some banned
kill_ours
nft flush ruleset
: >"$blocked"
mapfile -t some_ids < <(frozen | head -n 2)
ok "somebody thaws two messages" "$exim" -Mt "${some_ids[@]}"
start_ours
ok "killed and begun again: the bots are banned again" wait_for some banned
ok "... the account is closed again" wait_for is_refused
ok "... and all its messages are frozen again" wait_for all_frozen
ok "... there are some" some taken
ok "... each that was taken" none comm -23 <(taken | sort) <(frozen)

# -- one command undoes it
ok "unban --release" tool 0 unban --release $victim
ok "the sets are empty" wait_for none banned
ok "nothing is frozen" wait_for none frozen
ok "the account is not in the file" wait_for not grep -qF $victim "$blocked"
ok "a second time there is nothing to do" tool 1 unban --release $victim
ok "the account sends again" sends $victim z@example.net
rm "$here/queue-only"
ok "Exim's next run of the queue" "$exim" -q
ok "... delivers what was frozen" wait_for logged '=> :blackhole: <aunt@example.com>'
ok "it ends well" stop_daemon
pid=
finish
