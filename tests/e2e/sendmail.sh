#!/usr/bin/env bash
# sendmail.sh: a real sendmail with Cyrus SASL, in namespaces of the test's own. What postern says
# of its log has to agree with what the clients did.
#
# Its lines about messages name no account, so messages, refusals and bounces must be no events.
# shellcheck disable=SC2154,SC2317 # world.bash sets them; checks are called by name
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/e2e/unpacked.bash
prepare() {
	unpack rsyslog rsyslog
	unpack sendmail sendmail-bin sendmail-base sendmail-cf sasl2-bin
}
. tests/e2e/world.bash

log=$here/maillog
# Who guesses names tells of himself what he likes, too (RFC 1413).
ident="x [192.0.2.99], authid=$victim, mech=PLAIN, bits=0"

write_config() {
	local user
	mkdir -p /etc/mail/sasl /var/lib/sendmail/host_status /run/sendmail/mta /var/spool/mqueue
	cat >/etc/mail/sendmail.mc <<-'EOF'
		define(`_USE_ETC_MAIL_')
		include(`/usr/share/sendmail/cf/m4/cf.m4')
		OSTYPE(`debian')
		DOMAIN(`debian-mta')
		define(`confDOMAIN_NAME', `mail.example.org')
		define(`confAUTH_MECHANISMS', `PLAIN')
		TRUST_AUTH_MECH(`PLAIN')
		define(`SMART_HOST', `[192.0.2.1]')
		define(`confDELIVERY_MODE', `interactive')
		FEATURE(`no_default_msa')
		FEATURE(`nocanonify')
		FEATURE(`accept_unresolvable_domains')
		DAEMON_OPTIONS(`Family=inet, Name=MSP-v4, Port=587, M=Ea, Addr=192.0.2.25')
		DAEMON_OPTIONS(`Family=inet6, Name=MSP-v6, Port=587, M=Ea, Addr=2001:db8::25')
		DAEMON_OPTIONS(`Family=inet, Name=MTA-v4, Port=25, Addr=192.0.2.25')
		MAILER(`local')
		MAILER(`smtp')
	EOF
	m4 /etc/mail/sendmail.mc >/etc/mail/sendmail.cf
	printf '%s\n' 'pwcheck_method: auxprop' 'auxprop_plugin: sasldb' 'mech_list: PLAIN' >/etc/mail/sasl/Sendmail.conf
	for user in "${victim%@*}" person{0..5}; do
		echo secret | saslpasswd2 -p -c -u example.org "$user"
	done
	echo "${people[0]} dsl.example.com" >>/etc/hosts
}

sink() { ip netns exec world smtp-sink -u nobody -f RCPT 192.0.2.1:25 10 & }
identd() {
	ip netns exec world python3 - "$attacker" "$ident" <<-'END' &
		import socketserver, sys
		class Answer(socketserver.StreamRequestHandler):
		    def handle(self):
		        asked = self.rfile.readline().strip().decode()
		        self.wfile.write(f"{asked} : USERID : UNIX : {sys.argv[2]}\r\n".encode())
		socketserver.ThreadingTCPServer((sys.argv[1], 113), Answer).serve_forever()
	END
}
sessions() {
	people_and_bots smtp | sed 's/secret$/& 1 friend@example.net,unknown@mail.example.org/'
	guesses smtp
}

# Names that pose as another's login, and as what the server logs them: 64 bytes, a newline as \\n.
pose="x,%20relay=[192.0.2.99],%20mech=PLAIN,%20bits=0%0AAUTH=server,%20relay=[192.0.2.99],%20authid=$victim,%20mech=PLAIN,%20bits=0"
short="%25s%5D,%20relay=dsl.example.com%20[192.0.2.99]"
hostile() {
	local address
	for address in "${ipv6[0]}" "$attacker"; do
		echo "smtp $address $pose guess"
		echo "smtp $address $short guess"
	done
}
hostile_events() {
	hostile | as_events |
		sed -e "s/x,%20.*/x, relay=[192.0.2.99], mech=PLAIN, bits=0\\\\nAUTH=server, relay=[19/" \
			-e 's/%25s.*/%s], relay=dsl.example.com [192.0.2.99]/'
}
strangers() {
	pose=${pose#*%0A}
	echo "smtp:25 $attacker - \"x:%20$pose\"@example.net 1 root@mail.example.org"
	echo "smtp:25 $attacker - x@example.net 1 root@mail.example.org x:%20$pose"
}

make_world
make_countries
lay_over sendmail rsyslog
add_user smmta 64990
add_user smmsp 64991
start_syslog
write_config
sink
identd
wait_for in_world 25 113
/usr/libexec/sendmail/sendmail -L sm-mta -bd
wait_for listening 587 25
{ sessions && hostile && strangers; } | clients >"$here/clients" 2>&1
ok "all is logged" all_logged
ok "the server took what it should" awk '
	/^[^ ]+@example.org [0-9a-f.:]+ [0-9A-Za-z]+$/ { sent++ }
	/^- [0-9.]+ [0-9A-Za-z]+$/ { strangers++ }
	/: 535 / { failed++ }
	END { print sent, strangers, failed; exit !(sent == 36 && strangers == 2 && failed == 11) }' "$here/clients"

ok "each login and failure is one, of that name and address, and there are no others" \
	events_are "$(sessions | as_events && hostile_events)"
finds_the_bots "$log"
ok "the attacker's address, and no other" same_list "brute-force $attacker" \
	"$(jq -r 'select(.subject.ip) | "\(.jail) \(.subject.ip)"' "$dir/out")"
finish
