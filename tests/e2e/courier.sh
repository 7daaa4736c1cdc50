#!/usr/bin/env bash
# courier.sh: a real Courier, in namespaces of the test's own: imapd, pop3d and the MTA. What postern
# says of its log has to agree with what the clients did.
#
# The MTA names an account once a message, not at its login. imapd and pop3d wait five seconds before
# they refuse somebody, so whom they will refuse come all at once.
# shellcheck disable=SC2154,SC2317 # world.bash sets them; checks are called by name
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/e2e/unpacked.bash
prepare() {
	unpack rsyslog rsyslog
	unpack courier courier-imap courier-pop courier-mta courier-authdaemon courier-authlib-userdb
}
. tests/e2e/world.bash

log=$here/maillog

write_config() (
	cd /etc/courier || exit
	hash=$(openssl passwd -6 secret)
	mkdir -m 700 userdb
	for user in "$victim" person{0..5}@example.org; do
		maildirmake.courier "/var/spool/$user"
		chown -R mail:mail "/var/spool/$user"
		printf '%s\thome=/var/spool|mail=/var/spool/%s|uid=8|gid=8|systempw=%s\n' "$user" "$user" "$hash"
	done >userdb/people
	chmod 600 userdb/people
	sed -i 's/^authmodulelist=.*/authmodulelist="authuserdb"/' authdaemonrc
	sed -i 's/^MAXPER\(C\|IP\)=.*/MAXPER\1=40/' {imapd,pop3d,esmtpd,esmtpd-msa}
	sed -i 's/^IMAP_CAPABILITY="/&AUTH=PLAIN /' imapd
	sed -i -e 's/^ESMTPAUTH=.*/ESMTPAUTH="PLAIN"/' -e 's/^TARPIT=.*/TARPIT=0/' esmtpd
	sed -i 's/^BOFHCHECKDNS=.*/BOFHCHECKDNS=0/' esmtpd{,-msa}
	echo mail.example.org | tee me locals >defaultdomain
	echo example.org | tee hosteddomains/all >esmtpacceptmailfor.dir/all
	printf '%s:[192.0.2.1],%s\n' example.net 25 example.com 26 later.example.net 27 >esmtproutes
	install -d -o courier -g courier /run/courier{,/authdaemon} /var/lib/courier/{,allfilters,filters,msgq,msgs,track,tmp}
	chown root:courier . ./*/
	ln -s makedat.courier /usr/bin/makedat
	for make in userdb hosteddomains aliases smtpaccess acceptmailfor imapaccess; do
		"make$make" || exit
	done
)
start_courier() {
	local server
	for server in authdaemond imapd pop3d courier esmtpd esmtpd-msa; do
		$server start
	done
	wait_for listening 143 110 587 25
}
# One takes all, one refuses all, one does so for now.
sink() { # PORT [OPTION...]
	ip netns exec world smtp-sink -u nobody "${@:2}" "192.0.2.1:$1" 100 &
}

# -- sessions --------------------------------------------------------------------------------------
sessions() {
	local i
	for i in "${!people[@]}"; do
		echo "imap ${people[i]} person$i@example.org secret"
		echo "imapa ${people[i]} person$i@example.org secret"
		echo "pop3 ${people[i]} person$i@example.org secret"
	done
	for i in "${!bots[@]}"; do
		echo "smtp ${bots[i]} $victim secret 1 a$i@example.net,b$i@example.net,c$i@example.com"
	done
	echo "smtp ${bots[0]} $victim secret 1 d@later.example.net"
	guesses smtp
	echo "smtp ${people[0]} person0@example.org,[192.0.2.99]%20x%0Aerror,relay=192.0.2.99 guess"
}
# Names that pose as another's login.
pose="x,%20ip=[192.0.2.99],%20port=[1]%0ALOGIN,%20user=$victim,%20ip=[192.0.2.99],%20port=[1],%20protocol=IMAP%25s"
slow_sessions() {
	local protocol address name
	for protocol in imap imapa pop3; do
		name=$pose
		[ $protocol != pop3 ] || name=${pose%%\%0A*} # its lines end there
		for address in "${people[0]}" "${ipv6[0]}"; do
			echo "$protocol $address person0@example.org mistyped"
			echo "$protocol $address $name guess"
		done
	done
}
strangers() {
	pose="x,%20auth=$victim:%20dns;%20y%20([192.0.2.99])"
	echo "smtp:25 $attacker - x@example.net 1 $victim $pose"
	echo "smtp:25 $attacker - \"$pose\"@example.net 1 $victim"
}
# AUTHENTICATE tells no name, nor does the MTA one with a blank; a byte that can't be printed is ".".
expected() {
	{ sessions && slow_sessions; } | sed -E '/^imapa.* secret$/!s/^(imapa [^ ]*) [^ ]*/\1 -/' | as_events |
		sed -e 's/^login smtp/message smtp/' -e '/^failure smtp/s/ [^ ]*%20.*/ -/' -e 's/%20/ /g; s/%0A/./; s/%25/%/'
}
at_once() {
	local line pids=()
	while read -r line; do
		clients <<<"$line" &
		pids+=($!)
	done
	wait "${pids[@]}"
}
tried() { [ "$(grep -c " courieresmtp: .*,from=<$victim>,.*,status: " "$log")" -ge 91 ]; } # each recipient
# A session that it had kept open is the first thing that it tries again.
delivered_later() {
	courier flush
	grep -q " courieresmtp: .*,addr=<d@later.example.net>,status: success" "$log"
}

make_world
make_countries
lay_over courier rsyslog
add_user courier 64990
start_syslog
ok "the configuration is made" write_config
sink 25
sink 26 -f RCPT
sink 27 -r RCPT
for_now=$!
start_courier
{ sessions && strangers; } | clients >"$here/clients" 2>&1
slow_sessions | at_once >>"$here/clients" 2>&1
ok "each recipient was tried" wait_for tried
kill $for_now
wait $for_now 2>/dev/null
sink 27
wait_for in_world 27
ok "... and what waited is delivered" wait_for delivered_later
ok "all is logged" all_logged
ok "each login, message and failure is one, of that name and address, and there are no others" \
	events_are "$(expected)"
finds_the_bots "$log"
ok "messages" is 31 .messages
ok "recipients, as far as they were delivered to" is 61 .recipients
ok "bounces" is 30 .bounces
ok "those who guess, and no other" same_list "$(printf 'brute-force %s\n' "${people[0]}" "$(hosts "${ipv6[0]}")" "$attacker")" \
	"$(jq -r 'select(.subject.ip) | "\(.jail) \(.subject.ip)"' "$dir/out" | sort)"
finish
