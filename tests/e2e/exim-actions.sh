#!/usr/bin/env bash
# exim-actions.sh: the plugin exim and a real Exim, with the ACL of doc/exim.md as it stands there.
#
# Messages wait in the queue untried while the file $here/queue-only is there.
# shellcheck disable=SC2016,SC2317,SC2154,SC2034 # checks are called by name; variables of others
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/e2e/exim.bash
. tests/e2e/world.bash
. tests/e2e/plugin.bash

plugin=exim rights=setuid,setgid,dac_override,chown,fowner
blocked=/etc/exim4/postern-blocked # as in the page
settings=("exim=$exim")

sends() { # USER [MESSAGES]: from an address of its own
	echo "smtp 198.51.100.201 $1 secret ${2:-1} friend@example.com" | clients >"$here/sent" 2>&1
	[ "$(grep -c " [0-9A-Za-z-]\{16,\}$" "$here/sent")" -eq "${2:-1}" ] && return
	cat "$here/sent"
	return 1
}
is_refused() { # USER
	not sends "$1" && grep -qF ': 550 this account is blocked' "$here/sent"
}
queued_by() { # the ids of USER's messages in the queue
	"$exim" -bpru | awk -v user="<$1>" '$4 == user { print $3 }' | sort
}
frozen() { # the ids of all frozen messages
	"$exim" -bpru | awk '/\*\*\* frozen \*\*\*/ { print $3 }' | sort
}
ids_of() { # USER: as arguments
	queued_by "$1" | sed 's/^/--queue-id /'
}
no_message_of() { [ -z "$(queued_by "$1")" ]; }
delivered() { # ID...
	local id
	for id; do
		grep -q "$id => :blackhole:" "$log" || return 1
	done
}
looks_up() { # NAME ANSWER
	local got
	got=$("$exim" -be "\${lookup{${1//\\/\\\\}}lsearch{$blocked}{yes}{no}}")
	[ "$got" = "$2" ] && return
	echo "\"$1\": expected $2, not $got"
	return 1
}

make_world
install_exim
exim_main="queue_only_file = $here/queue-only"
write_config
echo >"$here/queue-only"
ok "check says that no ACL looks it up" act 1 check
ok "... and where the lines are" said 'add the lines of doc/exim.md'
exim_mail=$(from_page exim exim.conf)
write_config
ok "with the lines of the page it says that the file is not there" act 1 check
ok "... and how to make it" said "postern action exim list --option file=$blocked"
ok "list makes the file" act 0 list
ok "there is nothing to say" act 0 check
ok "... empty" not grep -q '"' "$blocked"
start_exim

ok "everybody sends" sends $victim 3
ok "... others too" sends person1@example.org
ok "a session of the victim is open" smtp_open $victim
ok "... and sends" smtp_message $victim friend@example.com
mapfile -t theirs < <(queued_by $victim)
by_hand=${theirs[0]}
ok "the administrator freezes one by hand" "$exim" -Mf "$by_hand"

# shellcheck disable=SC2046 # words
ok "apply" act 0 apply --id 12 --user $victim $(ids_of $victim)
ok "... freezes what was not frozen" said 'done: 3 messages are frozen'
ok "all of the account's messages are frozen, nobody else's" \
	same_list "$(queued_by $victim)" "$(frozen)"
ok "the next message is refused" is_refused $victim
ok "... however the name is written" is_refused Laura@Example.ORG
ok "... also in the session that was open" not smtp_message $victim friend@example.com
ok "... and it is told why" test "$(smtp "MAIL FROM:<$victim>")" = \
	'550 this account is blocked, please call your postmaster'
ok "others still send, also to the account" sends person2@example.org
ok "list names it" act 0 list
ok "... as it is" same_list $victim "$(cat "$dir/out")"
# shellcheck disable=SC2046
ok "a second time changes nothing" act 0 apply --id 12 --user $victim $(ids_of $victim)
ok "... and knows which are its own" said 'done: 3 messages are frozen'

ok "lift keeps the messages" act 0 lift --id 12 --user $victim
ok "... and counts them" said 'done: 3 messages stay frozen'
ok "the account may send again" sends $victim
rm "$here/queue-only"
ok "release" act 0 lift --id 12 --user $victim --release release
ok "... says how many" said 'done: 3 messages are thawed'
ok "Exim's queue run" "$exim" -q
ok "they are delivered" wait_for delivered "${theirs[@]:1}"
ok "what was frozen by hand still is" same_list "$by_hand" "$(frozen)"
ok "a second release changes nothing" act 0 lift --id 12 --user $victim --release release
ok "... neither there" same_list "$by_hand" "$(frozen)"

echo >"$here/queue-only"
ok "another incident" sends thief@example.org 2
# shellcheck disable=SC2046
ok "apply, with one that is gone" act 0 apply --id 13 --user thief@example.org \
	$(ids_of thief@example.org) --queue-id 1abcde-000000-00
ok "... freezes those that are there" said 'done: 2 messages are frozen'
ok "a second decision about it" act 0 apply --id 14 --user thief@example.org
ok "purge" act 0 lift --id 13 --user thief@example.org --release purge
ok "... says how many" said 'done: 2 messages were deleted'
ok "they are gone" no_message_of thief@example.org
ok "the other decision still blocks" is_refused thief@example.org
ok "... until it is lifted too" act 0 lift --id 14 --user thief@example.org
ok "... and no more" sends thief@example.org

# Names as nobody should have them: what Exim looks up is what stands in the file.
for name in 'joe doe' 'a:b' 'a"b' 'a\b' '#joe' '"joe": decisions 1' 'jörg'; do
	ok "blocked: $name" act 0 apply --id 15 --user "$name"
	ok "... Exim finds it" looks_up "$name" yes
	ok "... lifted" act 0 lift --id 15 --user "$name"
	ok "... Exim finds it no more" looks_up "$name" no
done
ok "lines of the administrator's" sed -i '1i mallory@example.org: by hand' "$blocked"
ok "... are kept" act 0 apply --id 16 --user $victim
ok "... byte for byte" test "$(head -n 1 "$blocked")" = 'mallory@example.org: by hand'
ok "... and count" looks_up mallory@example.org yes

settings=("exim=$here/none")
# shellcheck disable=SC2046
ok "without Exim it is tried again" act 1 apply --id 17 --user $victim --queue-id 1abcde-000000-00
ok "... and says why" said "retry: $here/none"
finish
