#!/usr/bin/env bash
# dovecot-actions.sh: the plugin dovecot and a real Dovecot, with the passdb of doc/dovecot.md as it
# stands there, and a cache of passwords.
# shellcheck disable=SC2317,SC2154,SC2034 # checks are called by name; variables of others
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/e2e/world.bash
. tests/e2e/plugin.bash

plugin=dovecot rights=dac_override,chown,kill
denied=/etc/dovecot/postern-deny # as in the page
settings=("config=$here/dovecot.conf")

write_config() { # PASSDB...: the sections in this order
	{
		cat <<-EOF
			protocols = imap
			listen = 192.0.2.25
			base_dir = $here/dovecot
			state_dir = $here/dovecot/state
			log_path = $here/dovecot.log
			ssl = no
			disable_plaintext_auth = no
			auth_mechanisms = plain login
			auth_failure_delay = 0
			auth_cache_size = 1M
			mail_location = maildir:~/Maildir
			userdb {
			  driver = static
			  args = uid=nobody gid=nogroup home=$here/home/%u
			}
			service anvil {
			  unix_listener anvil-auth-penalty {
			    mode = 0
			  }
			}
		EOF
		printf '%s\n' "$@"
	} >"$here/dovecot.conf"
}
start_dovecot() {
	dovecot -c "$here/dovecot.conf"
	wait_for listening 143
}
stop_dovecot() {
	kill "$(cat "$here/dovecot/master.pid")" && wait_for not listening 143
}

logs_in() { # USER
	echo "imap 198.51.100.201 $1 secret" | clients >"$here/login" 2>&1 && [ ! -s "$here/login" ]
}
is_denied() { # USER
	not logs_in "$1" && grep -q 'AUTHENTICATIONFAILED' "$here/login"
}
# A session that stays open, as the descriptor of this number.
session() { # DESCRIPTOR USER
	eval "exec $1<>/dev/tcp/192.0.2.25/143" || return
	printf 'a LOGIN "%s" secret\r\n' "$2" >&"$1"
	answers "$1" '^a OK'
}
answers() { # DESCRIPTOR PATTERN: a line like that comes before the end
	local line
	while IFS= read -r -t 20 line <&"$1"; do
		[[ ! $line =~ $2 ]] || return 0
	done
	return 1
}
goes_on() { # DESCRIPTOR
	printf 'b NOOP\r\n' >&"$1" && answers "$1" '^b OK'
}
was_ended() { # DESCRIPTOR
	answers "$1" '^\* BYE' && not answers "$1" .
}

static='passdb {
  driver = static
  args = password=secret
}'
page=$(from_page dovecot dovecot.conf)
mkdir -m 755 "$here/dovecot" "$here/dovecot/state"
mkdir -m 777 "$here/home"
make_world

write_config "$static"
ok "check says that nothing is denied" act 1 check
ok "... and what to do" said "does not ask $denied first"
write_config "$static" "$page"
ok "check says that the order is wrong" act 1 check
write_config "$page" "$static"
ok "with the lines of the page before all others it says that the list is not there" act 1 check
ok "... and how to make it" said "postern action dovecot list --option file=$denied"
ok "list makes the file" act 0 list
ok "there is nothing to say" act 0 check
ok "... which Dovecot may read" test "$(stat -c %a "$denied")" = 644
start_dovecot

ok "the victim logs in" logs_in $victim
ok "... and stays" session 5 $victim
ok "somebody else too" session 6 person1@example.org
ok "apply" act 0 apply --id 12 --user $victim
ok "the next login is refused, whatever was in the cache" is_denied $victim
ok "... however the name is written" is_denied Laura@Example.ORG
ok "the session is ended" was_ended 5
ok "others stay" goes_on 6
ok "... and log in" logs_in person2@example.org
ok "list names it" act 0 list
ok "... as it is" same_list $victim "$(cat "$dir/out")"
ok "a second time is as good" act 0 apply --id 12 --user $victim
ok "a second decision" act 0 apply --id 13 --user $victim
ok "the first one is lifted" act 0 lift --id 12 --user $victim
ok "... the second still holds" is_denied $victim
ok "the second is lifted" act 0 lift --id 13 --user $victim
ok "the victim logs in again" logs_in $victim
ok "lifted again" act 0 lift --id 13 --user $victim
ok "... it is as it was" logs_in $victim

sed -i '1i mallory@example.org' "$denied"
ok "apply, with a line of the administrator's" act 0 apply --id 14 --user $victim
ok "... which counts" is_denied mallory@example.org
ok "... and is kept" test "$(head -n 1 "$denied")" = mallory@example.org
ok "... also when it is lifted" act 0 lift --id 14 --user mallory@example.org
ok "... as before" is_denied mallory@example.org
ok "a name with a colon fails" act 1 apply --id 15 --user 'a:b'
ok "... and says so" said "failed: a passwd-file can't hold this name"
ok "a name that means everybody" act 1 apply --id 15 --user '*'
ok "... and throws nobody out" goes_on 6

settings+=("realms=example.org")
ok "with a realm that Dovecot does not know" act 0 apply --id 16 --user person3@example.org
ok "... the name without it is denied" is_denied person3
ok "... the name with it too" is_denied person3@example.org
ok "... and both are lifted" act 0 lift --id 16 --user person3@example.org
ok "... without" logs_in person3
ok "... and with" logs_in person3@example.org

ok "Dovecot is stopped" stop_dovecot
ok "apply is to be tried again" act 1 apply --id 17 --user $victim
ok "... and says why" said 'retry: doveadm'
start_dovecot
ok "then nobody gets in" is_denied $victim
ok "... and it is done" act 0 apply --id 17 --user $victim
finish
