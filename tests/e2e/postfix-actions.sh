#!/usr/bin/env bash
# postfix-actions.sh: postfix-map and postfix-hold on a real Postfix, called by hand.
#
# Joe's account is stolen, Moe's is not. Each type of table has a submission port of its own that asks
# it. Mail to example.net stays in the queue until the test lets it go; on its way it passes a
# content filter, which is one that the mail waits for on port 589.
# shellcheck disable=SC1003,SC2016,SC2034,SC2154,SC2317 # programs are quoted; checks are called by name
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/e2e/world.bash
. tests/e2e/postfix.bash

joe=joe@example.org moe=moe@example.org
types=(lmdb cdb hash texthash)
declare -A port=([lmdb]=5871 [cdb]=5872 [hash]=5873 [texthash]=5874)
declare -A suffix=([lmdb]=.lmdb [cdb]=.cdb [hash]=.db [texthash]="")

# The plugins where nobody else can write: a plugin that others could change is not loaded.
mkdir -m 755 "$here/plugins"
built=build/plain/actions
[ -z "${POSTERN:-}" ] || built=$(dirname "$POSTERN")/actions
cp "$built"/postfix-*.so "$here/plugins"
act() { # STATUS NAME VERB ARGUMENT...
	local status=$1 name=$2 verb=$3
	shift 3
	run "$status" action "$name" "$verb" --plugins "$here/plugins" --state "$here/state" "$@"
}
map() { # STATUS VERB TYPE ARGUMENT...
	local status=$1 verb=$2 table=$3:$conf/$3
	shift 3
	act "$status" postfix-map "$verb" --option "map=$table" --option "config_directory=$conf" "$@"
}
hold() { # STATUS VERB ARGUMENT...
	local status=$1 verb=$2
	shift 2
	act "$status" postfix-hold "$verb" --option "config_directory=$conf" --user "$joe" "$@"
}
told() { grep -qF -- "$1" "$dir/out" "$dir/err" || { cat "$dir/out" "$dir/err" && return 1; }; }

# The lines of a page's fenced block of this kind.
lines_of() { # PAGE KIND
	awk -v kind="\`\`\`$2" '$0 == kind { on = 1; next } /^```/ { on = 0 } on' "$1"
}

# -- SMTP by hand: a session that stays open ----------------------------------------------------
say() { # LINE...: a command each; the last answer into $answer
	local line
	for line; do
		printf '%s\r\n' "$line" >&"$session"
		hear || return 1
	done
}
hear() {
	while read -r -t 10 answer <&"$session"; do
		answer=${answer%$'\r'}
		[[ $answer =~ ^[0-9]{3}- ]] || return 0
	done
	answer="no answer"
	return 1
}
log_in() { # PORT USER: into $session
	exec {session}<>"/dev/tcp/192.0.2.25/$1" || return 1
	hear
	say "EHLO client.example.com" "AUTH PLAIN $(printf '\0%s\0secret' "$2" | base64)"
	[[ $answer == 2* ]]
}
log_out() { exec {session}>&-; }
transmit() { # FROM TO: the queue id into $id
	say "RSET" "MAIL FROM:<$1>" "RCPT TO:<$2>"
	[[ $answer == 2* ]] || return 1
	say "DATA" $'Subject: hello\r\n\r\nHello.\r\n.'
	[[ $answer =~ queued\ as\ ([0-9A-Za-z]+) ]] && id=${BASH_REMATCH[1]}
}
sends() { # PORT USER: a new session takes a message of the user's
	log_in "$1" "$2" && transmit "$2" friend@example.net
	local status=$?
	log_out
	return $status
}
refuses() { # PORT USER
	log_in "$1" "$2" && transmit "$2" friend@example.net
	log_out
	[[ $answer == "554 "*"its password has to be changed"* ]] || { echo "$answer" && return 1; }
}

# -- the servers --------------------------------------------------------------------------------
postfix_extra="virtual_mailbox_domains = example.org
virtual_mailbox_maps = static:all/
virtual_mailbox_base = $here/mail
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
minimal_backoff_time = 1s
maximal_backoff_time = 1s
queue_run_delay = 1s"
settings=('transport_maps = inline:{ { example.net = slow:[127.0.0.1]:10026 } }'
	'defer_transports = slow stuck'
	'smtpd_recipient_restrictions = permit_mynetworks permit_sasl_authenticated reject_unauth_destination')
services() {
	local type
	for type in "${types[@]}"; do
		echo "${port[$type]} inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes"
		echo "  -o smtpd_sender_restrictions=check_sasl_access,$type:$conf/$type"
	done
	echo "589 inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes -o content_filter=stuck:[127.0.0.1]:10025"
	echo "25 inet n - n - - smtpd"
	echo "slow unix - - n - - smtp"
	echo "stuck unix - - n - - smtp"
	echo "virtual unix - n n - - virtual"
}
# 10026, the far server, takes everything.
far_server() {
	sed -i '/far-server/s/=reject/=permit_mynetworks,reject -o content_filter=discard:/' "$conf/master.cf"
}
reload() { postfix -c "$conf" reload; }
mkdir -m 777 "$here/mail"
make_world
make_mail_server
postconf -c "$conf" -e "${settings[@]}"
services >>"$conf/master.cf"
far_server
for type in "${types[@]}"; do
	printf '# mine\nboss@example.org\tOK\n\n# no newline at the end\nx OK' >"$conf/$type"
	cp "$conf/$type" "$here/$type.before"
	[ "$type" = texthash ] || postmap -c "$conf" "$type:$conf/$type"
done
reload >"$here/reload" 2>&1
wait_for listening 25 589 "${port[@]}"

hold_is_refused() {
	postconf -c "$conf" -P '589/inet/smtpd_proxy_filter=[127.0.0.1]:10025' &&
		map 1 apply lmdb --user "$joe" --option "result=HOLD spam" && told "Postfix ignores HOLD" &&
		map 1 check lmdb --option "result=HOLD spam" && told "589/inet: result: " &&
		postconf -c "$conf" -PX 589/inet/smtpd_proxy_filter && cmp "$conf/lmdb" "$here/lmdb.before"
}

# -- postfix-map: is it set up? -----------------------------------------------------------------
page_main_cf() { lines_of doc/postfix-map.md main.cf | sed "s|/etc/postfix/postern_access|$conf/lmdb|"; }
ok "check: ports 587 to 589 don't ask the table" map 1 check lmdb
ok "... and it says so" told "587/inet: nothing asks the table"
page_main_cf >>"$conf/main.cf"
reload >"$here/reload" 2>&1
ok "check: with the page's lines" map 1 check lmdb
ok "... those that have no list of their own do" not told "587/inet"
ok "... and one that asks another table still doesn't" told "5873/inet: nothing asks the table"
ok "check: a table that isn't there" act 1 postfix-map check --option "map=hash:$conf/none"
ok "... and how to make it" told "touch $conf/none && postmap hash:$conf/none"
ok "HOLD is refused before a proxy filter" hold_is_refused

# -- postfix-map: apply and lift ----------------------------------------------------------------
delivered() { [ "$(find "$here/mail" -path '*/new/*' | wc -l)" -eq "$1" ]; }
mail_to_joe() { # COUNT: one more of somebody's outside arrives, and is the COUNTth
	exec {session}<>/dev/tcp/192.0.2.25/25
	hear
	say "EHLO client.example.com" && transmit somebody@example.com "$joe"
	log_out
	wait_for delivered "$1"
}
# What a second run must leave as it is: the source and the table are the same files.
marks() { stat -c '%n %i %Y %s' "$conf/$1" "$conf/$1${suffix[$1]}"; }
again() { # TYPE
	local before
	before=$(marks "$1")
	map 0 apply "$1" --user "$joe" && [ "$before" = "$(marks "$1")" ]
}
open_session() { # TYPE: of joe's, before and after
	log_in "${port[$1]}" "$joe" && transmit "$joe" friend@example.net || return 1
	map 0 apply "$1" --user "$joe" || return 1
	transmit "$joe" friend@example.net
	local status=$?
	log_out
	return "$status"
}
back_as_it_was() { cmp "$conf/$1" "$here/$1.before"; }

arrived=0
for type in "${types[@]}"; do
	ok "$type: before, joe sends" sends "${port[$type]}" $joe
	if [ "$type" = lmdb ]; then
		ok "$type: a session that is open is refused its next message" not open_session "$type"
	else
		ok "$type: a session that is open goes on, as the page says" open_session "$type"
	fi
	ok "$type: a new one is refused" refuses "${port[$type]}" $joe
	ok "$type: moe sends" sends "${port[$type]}" $moe
	ok "$type: mail to joe arrives" mail_to_joe $((arrived += 1))
	ok "$type: listed" map 0 list "$type"
	ok "... and nobody else" same_list $joe "$(cat "$dir/out")"
	ok "$type: a second run changes nothing" again "$type"
	ok "$type: lifted" map 0 lift "$type" --user $joe
	ok "$type: joe sends again" sends "${port[$type]}" $joe
	ok "$type: the administrator's file is as it was" back_as_it_was "$type"
	ok "$type: lifted again" map 0 lift "$type" --user $joe
done

bare_name() {
	map 0 apply lmdb --user "$joe" --option realms=example.net --option realms=example.org &&
		refuses 5871 joe && refuses 5871 "$joe" && sends 5871 joe@example.net &&
		map 0 lift lmdb --user "$joe" && sends 5871 joe && back_as_it_was lmdb
}
ok "without its realm, too" bare_name

# What postmap makes of a name, and not what we think of it.
can_be_expressed() { # NAME
	map 0 apply lmdb --user "$1" &&
		[[ $(postmap -c "$conf" -q "$1" "lmdb:$conf/lmdb") == REJECT* ]] &&
		[ "$(postmap -c "$conf" -s "lmdb:$conf/lmdb" | wc -l)" -eq 3 ] &&
		map 0 lift lmdb --user "$1" && back_as_it_was lmdb
}
cannot_be() { map 1 apply lmdb --user "$1" && told "failed: " && back_as_it_was lmdb; }
for name in 'a#b' 'dom\joe' '$(id);../x' "o'neil" 'jo,e' 'jo:e' 'joe=' '*' '!joe' '/joe/' 'joé' 'if'; do
	ok "the name $name" can_be_expressed "$name"
done
for name in 'joe smith' ' joe' '#joe' 'jo"e' '"joe"' 'joe\'; do
	ok "never the name $name" cannot_be "$name"
done

fails_and_mends() { # OPTION: one that makes postmap fail
	map 1 apply lmdb --user "$joe" --option "$1" && told "retry: " && sends 5871 "$joe" &&
		[[ $(postmap -c "$conf" -q boss@example.org "lmdb:$conf/lmdb") == OK ]] &&
		map 0 apply lmdb --user "$joe" && refuses 5871 "$joe" &&
		map 1 lift lmdb --user "$joe" --option "$1" && refuses 5871 "$joe" &&
		map 0 lift lmdb --user "$joe" && sends 5871 "$joe" && back_as_it_was lmdb
}
ok "postmap fails: the old table works, and is mended" fails_and_mends postmap=/bin/false
ok "postmap is missing: likewise" fails_and_mends "postmap=$here/none"

his_own_line() {
	map 1 apply lmdb --user boss@example.org && told "failed: " && told '"OK" for boss@example.org' &&
		map 0 lift lmdb --user boss@example.org && back_as_it_was lmdb
}
ok "his own line lets it pass: told" his_own_line

# -- postfix-hold -------------------------------------------------------------------------------
ids_of() { queued_by "$1" | sed 's/^/--queue-id=/'; }
in_queue() { # QUEUE USER: the ids
	postqueue -c "$conf" -j | jq -r --arg queue "$1" --arg user "$2" \
		'select(.queue_name == $queue and .sender == $user) | .queue_id' | sort
}
count() { # WANTED QUEUE USER
	local got
	got=$(in_queue "$2" "$3" | grep -c .)
	[ "$got" -eq "$1" ] || { echo "$got in $2, not $1" && return 1; }
}
sent_away() { ! queued_by "$1" | grep -q .; }
hold_joe() { # STATUS ARGUMENT...
	local ids
	mapfile -t ids < <(ids_of "$joe")
	hold "$@" "${ids[@]}"
}

# Without postlogd, Postfix's programs write to the log themselves; postsuper no longer as root.
stopped() {
	chmod 666 "$maillog"
	postfix -c "$conf" stop && hold_joe 0 apply --id 8 && told "2 on hold"
	local status=$?
	postfix -c "$conf" start && wait_for listening 587 && return "$status"
}
# The log says whose message it is when its first recipient was taken.
logged() {
	id=$(tail -n 1 "$maillog" | sed -n 's/.*: \([0-9A-Za-z]*\): client=.*sasl_username=joe.*/\1/p')
	[ -n "$id" ]
}
half_received() {
	log_in 589 "$joe" && say "MAIL FROM:<$joe>" "RCPT TO:<friend@example.net>" "DATA" || return 1
	wait_for logged || return 1
	printf 'Subject: hello\r\n\r\n' >&"$session"
	hold 1 apply --id 9 --queue-id "$id" && told "retry: a message is still being received" || return 1
	say $'Hello.\r\n.'
	log_out
	[[ $answer == 250* ]]
}
second_instance() {
	local conf=$here/second queue=$here/queue2
	cp -r "$here/postfix" "$conf"
	mkdir -p "$queue/pid" "$queue/private" "$here/data2"
	chown postfix "$queue/private" "$here/data2"
	{
		echo "2525 inet n - n - - smtpd"
		grep -v ' inet \|^ ' "$here/postfix/master.cf"
	} >"$conf/master.cf"
	postconf -c "$conf" -e "queue_directory = $queue" "data_directory = $here/data2" \
		"mynetworks = 192.0.2.0/24" smtpd_sender_restrictions=
	postfix -c "$conf" start && wait_for listening 2525 || return 1
	exec {session}<>/dev/tcp/192.0.2.25/2525
	hear
	say "EHLO client.example.com" && transmit "$joe" friend@example.net || return 1
	log_out
	wait_for count 1 deferred "$joe"
	hold_joe 0 apply --id 10 && count 1 hold "$joe"
	local status=$?
	postfix -c "$conf" stop
	return "$status"
}

postsuper -c "$conf" -d ALL >/dev/null 2>&1
stuck=()
for n in 1 2; do
	sends 587 $joe # through the filter, and back
	sends 587 $moe
	sends 589 $joe # waits for the filter
	stuck+=("$id")
done
wait_for count 4 deferred $joe
wait_for settled
ok "mail waits: copies from the filter, and what it has not seen" count 4 deferred $joe
mine=$(in_queue deferred $joe | grep -vxFf <(printf '%s\n' "${stuck[@]}") | head -n 1)
postsuper -c "$conf" -h "$mine" >/dev/null 2>&1
ok "check" act 0 postfix-hold check --option "config_directory=$conf"
ok "too little space: nothing is held" hold_joe 1 apply --id 7 --option free_least=1000T
ok "... and it says so" told "no mail is put on hold"
ok "postsuper fails" hold_joe 1 apply --id 7 --option postsuper=/bin/false
ok "... nothing is held" count 1 hold $joe
ok "postqueue fails" hold_joe 1 apply --id 7 --option postqueue=/bin/false
ok "no more than is allowed" hold_joe 1 apply --id 6 --option most=1
ok "... is held" count 2 hold $joe
ok "... and goes back" hold 0 lift --id 6 --release release
ok "held, and ids that are none" hold_joe 0 apply --id 7 --queue-id ALL --queue-id 0000000000 --queue-id -d
ok "... all of joe's" count 4 hold $joe
ok "... none of moe's" count 0 hold $moe
ok "... remembered, without the one that he had held before" same_list \
	"$(in_queue hold $joe | grep -v "$mine")" "$(sort "$here/state/7")"
files() { find "$queue" -type f -path '*/hold/*' -printf '%p %i %T@\n' | sort; }
twice() {
	local before
	before=$(files; cat "$here/state/7")
	hold_joe 0 apply --id 7 && [ "$before" = "$(files; cat "$here/state/7")" ]
}
ok "a second run changes nothing" twice
ok "kept, by default" hold 0 lift --id 7
ok "... and says how many" told "3 messages stay on hold"
ok "... all of them" count 4 hold $joe

# Released: what waited for the filter goes through it once, what came from it not again.
filtered() { grep -c ':10025, delay.*status=sent' "$maillog"; }
transports() { # TEXT: those that wait
	postconf -c "$conf" -e "defer_transports = $1" && postfix -c "$conf" reload && postqueue -c "$conf" -f
}
gone_out() { count 0 deferred "$joe" && count 0 active "$joe" && count 0 incoming "$joe"; }
before=$(filtered)
ok "released" hold 0 lift --id 7 --release release
ok "... as many as it held" told "3 messages were queued again"
ok "... but not his own" same_list "$mine" "$(in_queue hold $joe)"
transports "" >"$here/reload" 2>&1
ok "... and delivered" wait_for gone_out
ok "... by way of the filter where they had not been there" [ "$(filtered)" -eq $((before + 2)) ]
ok "released again: nothing to do" hold 0 lift --id 7 --release release
ok "... and nothing said" same_list "done" "$(cat "$dir/out")"
transports "slow stuck" >"$here/reload" 2>&1

sends 589 $joe
sends 589 $moe
ok "held while Postfix is stopped" stopped
ok "purged" hold 0 lift --id 8 --release purge
ok "... what it held" told "1 messages were deleted"
ok "... but not his own" same_list "$mine" "$(queued_by $joe)"
ok "... nor moe's" count 1 deferred $moe

ok "a message that is being received is asked for again" half_received
ok "... and held when it is complete" hold 0 apply --id 9 --queue-id "$id"
ok "... really" same_list hold "$(postqueue -c "$conf" -j | jq -r --arg id "$id" 'select(.queue_id == $id) | .queue_name')"

ok "a second instance" second_instance
finish
