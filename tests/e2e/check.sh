#!/usr/bin/env bash
# check.sh: `postern check` beside a real Postfix, Dovecot and nf_tables. Each case sets one thing up
# wrong, and is told of it in words that say what to do; set up right, there is nothing to say.
# What single plugins look at is tested with `postern action NAME check` in the other files.
# shellcheck disable=SC2016,SC2034,SC2154,SC2317 # programs are quoted; checks are called by name
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/e2e/world.bash
. tests/e2e/postfix.bash
. tests/e2e/plugin.bash
. tests/e2e/posternd.bash

table=$conf/postern_access denied=$here/postern-deny passwords=$here/dovecot.conf
asks="check_sasl_access lmdb:$table"
passdb_asks=$(from_page dovecot dovecot.conf | sed "s|/etc/dovecot/postern-deny|$denied|")

jail() { # the actions of the jail, on standard input
	{ echo 'jail "stolen-account" {' && cat && echo '}'; } >"$here/jails/zz-test.conf"
}
# The actions that are prepared in the shipped jails, where they are to find these servers.
right_jail() {
	jail <<-END
		action "nftables" {}
		action "kick" {}
		action "postfix-map" { map = "lmdb:$table"  config_directory = "$conf" }
		action "postfix-hold" { config_directory = "$conf" }
		action "dovecot" { file = "$denied"  config = "$passwords" }
		action "exec" { program = "/bin/true" }
	END
}
checks() { # STATUS
	run "$1" check -c "$conf_file" --quiet
}
quiet() { checks 0 && not grep . "$dir/out" "$dir/err"; }
# One warning, of that action; each part of TEXT ("A|B") is in it.
warns() { # ACTION TEXT
	local part parts
	IFS='|' read -r -a parts <<<"$2"
	checks 1 || return 1
	for part in "${parts[@]}"; do
		grep "^warning: action \"$1\": " "$dir/out" | grep -qF -- "$part" && continue
		echo "no warning of $1 says \"$part\", but:"
		cat "$dir/out"
		return 1
	done
}
alone() { [ "$(grep -c . "$dir/out")" -eq 1 ] || { cat "$dir/out" && return 1; } }
alone_warns() { warns "$@" && alone; }
# Postfix's programs wait for a file that was changed just now to grow two seconds old.
aged() { touch -d 'now - 1 minute' "$conf/main.cf" "$conf/master.cf"; }
main_cf() { postconf -c "$conf" -e "$@" && aged; }
service() { postconf -c "$conf" "$@" && aged; } # as postconf's options
right_main_cf() { main_cf "smtpd_sender_restrictions = $asks" 'smtpd_recipient_restrictions = permit_sasl_authenticated, reject'; }

# -- the servers, as the pages say -------------------------------------------------------------------
make_world
make_countries
make_mail_server
configure "log = { \"$maillog\" }" 'home = { "ES" }' </dev/null
cp -r filters "$here/filters" # where others than root may read them
sed -i "s|^filters = .*|filters = \"$here/filters\"|" "$conf_file"
cp "$postern" "$here/postern.program"
touch "$table" "$denied"
postmap -c "$conf" "lmdb:$table"
right_main_cf
cp "$passwords" "$here/passwords.only"
{ echo "$passdb_asks" && cat "$here/passwords.only"; } >"$passwords"
right_jail
ok "set up as the pages say, nothing is to be said" quiet
ok "... and it changed nothing" not nft list table inet postern

# -- Postfix -----------------------------------------------------------------------------------------
main_cf smtpd_sender_restrictions= "smtpd_recipient_restrictions = permit_sasl_authenticated, $asks, reject"
ok "asked too late" warns postfix-map "587/inet: in smtpd_recipient_restrictions, \"$asks\" has to stand before permit_sasl_authenticated"
main_cf 'smtpd_recipient_restrictions = permit_sasl_authenticated, reject'
ok "not asked" warns postfix-map "587/inet: nothing asks the table: \"$asks\" has to stand in smtpd_sender_restrictions|588/inet: nothing asks"
right_main_cf
service -P '587/inet/smtpd_sender_restrictions=permit'
ok "not asked where a service has a list of its own" alone_warns postfix-map "587/inet: nothing asks the table"
service -PX 587/inet/smtpd_sender_restrictions
jail <<<"action \"postfix-map\" { map = \"hash:$table\"  config_directory = \"$conf\" }"
postmap -c "$conf" "hash:$table"
main_cf "smtpd_sender_restrictions = check_sasl_access hash:$table"
ok "a type of table that open sessions don't notice" alone_warns postfix-map "a session that is open does not notice a change of hash:$table: prefer lmdb|kick"
right_main_cf
right_jail
mv "$table.lmdb" "$here/away.lmdb"
ok "the table is not there" alone_warns postfix-map "touch $table && postmap lmdb:$table"
mv "$here/away.lmdb" "$table.lmdb"
touch -d 'now + 1 minute' "$table"
ok "the table is not made anew" alone_warns postfix-map "$table is newer than the table made of it: postmap lmdb:$table"
touch "$table" "$table.lmdb"
jail <<<"action \"postfix-map\" { map = \"lmdb:$table\"  config_directory = \"$conf\"  result = \"HOLD\" }"
main_cf 'smtpd_proxy_filter = [127.0.0.1]:10025'
ok "a result that Postfix ignores" warns postfix-map "Postfix ignores HOLD"
main_cf smtpd_proxy_filter=
jail <<<"action \"postfix-map\" { map = \"lmdb:$table\"  config_directory = \"$conf\"  postmap = \"$here/none\" }"
ok "postmap is not there" alone_warns postfix-map "$here/none: No such file or directory"
jail <<<"action \"postfix-hold\" { config_directory = \"$conf\"  postsuper = \"$here/none\" }"
ok "postsuper is not there" alone_warns postfix-hold "$here/none: No such file or directory"
jail <<<"action \"postfix-hold\" { config_directory = \"$here/none\" }"
ok "Postfix's configuration is not there" alone_warns postfix-hold "$here/none"
jail <<<"action \"postfix-hold\" { config_directory = \"$conf\"  free_least = \"100%\" }"
ok "no room for what is held" alone_warns postfix-hold "free"
right_jail

# -- Dovecot -----------------------------------------------------------------------------------------
cp "$here/passwords.only" "$passwords"
ok "Dovecot asks no list of names" alone_warns dovecot "Dovecot does not ask $denied first: put a passdb|deny = yes|doc/dovecot.md"
echo "$passdb_asks" >>"$passwords"
ok "... or asks it too late" alone_warns dovecot "before all others"
echo 'passdb {' >>"$passwords"
ok "a configuration that Dovecot doesn't take" alone_warns dovecot "does not show Dovecot's configuration: "
{ echo "$passdb_asks" && cat "$here/passwords.only"; } >"$passwords"
rm "$denied"
ok "the list is not there" alone_warns dovecot "$denied is not there, and Dovecot refuses everybody: postern action dovecot list"
touch "$denied"

# -- nf_tables -----------------------------------------------------------------------------------------
nft 'add table inet postern; add set inet postern addresses4 { type ipv4_addr; }'
ok "somebody else has a table of that name" alone_warns nftables "table inet postern is somebody else's"
nft delete table inet postern
jail <<<'action "nftables" { table = "filter"  set4 = "bad4" }'
ok "a set is missing" alone_warns nftables "nft add set inet filter bad4"
nft 'add table inet filter; add set inet filter bad4 { type ipv4_addr; }'
ok "a set without timeouts" alone_warns nftables 'bad4 has no `flags timeout`'
nft 'delete set inet filter bad4; add set inet filter bad4 { type ipv6_addr; flags timeout; }'
ok "a set of another type" alone_warns nftables "bad4"
nft 'delete set inet filter bad4; add set inet filter bad4 { type ipv4_addr; flags timeout; }'
ok "a set that fits" quiet
right_jail

# -- rights ------------------------------------------------------------------------------------------
as_root=$postern
printf '#!/bin/sh\nexec setpriv --inh-caps -net_admin --bounding-set -net_admin %s "$@"\n' "$here/postern.program" >"$here/limited"
printf '#!/bin/sh\nexec setpriv --reuid nobody --regid nogroup --clear-groups %s "$@"\n' "$here/postern.program" >"$here/nobody"
chmod 755 "$here/limited" "$here/nobody"
postern=$here/limited
ok "no right to the packet filter" warns nftables CAP_NET_ADMIN
ok "... nor to connections" warns kick CAP_NET_ADMIN
postern=$here/nobody
ok "no right to the queue" warns postfix-hold "postsuper works for root alone"
ok "... to Postfix's table" warns postfix-map "map: write into $conf: Permission denied"
ok "... to Dovecot's list" warns dovecot "write into $here: Permission denied"
postern=$as_root
jail <<<"action \"exec\" { program = \"$denied\" }"
ok "a program that is none" alone_warns exec "$denied: Permission denied"
right_jail
ok "all is as it was, and nothing is to be said" quiet
finish
