#!/usr/bin/env bash
# cyrus.sh: a real Cyrus IMAP, in namespaces of the test's own: imap, pop3 and sieve. What postern
# says of its log has to agree with what the clients did.
# shellcheck disable=SC2154,SC2317 # world.bash sets them; checks are called by name
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/e2e/unpacked.bash
prepare() {
	unpack rsyslog rsyslog
	unpack cyrus cyrus-imapd cyrus-pop3d sasl2-bin
}
. tests/e2e/world.bash

log=$here/maillog

write_config() {
	local user
	cat >/etc/cyrus.conf <<-END
		START {
			recover cmd="ctl_cyrusdb -r"
		}
		SERVICES {
			imap cmd="imapd" listen="192.0.2.25:143" prefork=1
			imap6 cmd="imapd" listen="[2001:db8::25]:143" prefork=1
			pop3 cmd="pop3d" listen="192.0.2.25:110" prefork=1
			pop36 cmd="pop3d" listen="[2001:db8::25]:110" prefork=1
			sieve cmd="timsieved" listen="192.0.2.25:4190" prefork=1
		}
	END
	cat >>/etc/imapd.conf <<-END
		virtdomains: userid
		defaultdomain: default.example
		sasl_mech_list: PLAIN
		failedloginpause: 0
	END
	for user in "${victim%@*}" person{0..5}; do
		echo secret | saslpasswd2 -p -c -u example.org "$user"
	done
	mkdir -p /run/cyrus/{proc,lock} /var/lib/cyrus/{db,socket,proc,log} /var/spool/{cyrus/mail,sieve}
	chown -R cyrus /run/cyrus /var/lib/cyrus /var/spool/{cyrus,sieve} /etc/sasldb2
	echo "${people[0]} dsl.example.com" >>/etc/hosts
}

sessions() {
	people_and_bots imap
	for protocol in imapa pop3 sieve; do
		echo "$protocol ${people[0]} person0@example.org secret"
		echo "$protocol ${people[0]} person0@example.org mistyped"
		echo "$protocol ${people[1]} nobody@example.org mistyped"
	done
	guesses pop3
}

# Names that pose as another's login. One that can't be a user's is logged as it is, others in lower case.
impossible="x)%20[SASL(-13):%20x]%0Alogin:%20[192.0.2.99]%20$victim%20plaintext%20User%20logged%20in"
percent="%25s%20[192.0.2.99]%20plaintext%20(x)%20[SASL(-1):%20generic%20failure"
possible="$victim%20plaintext%20User%20logged%20in"
hostile() {
	local name
	for name in "$impossible" "$percent" "$possible"; do
		echo "imap ${ipv6[0]} $name guess"
		echo "imapa ${ipv6[0]} $name guess"
		echo "pop3 ${ipv6[0]} ${name%%%0A*} guess"
	done
}

# Of names that it doesn't know the server tells nothing where they come by PLAIN; sieve never does.
expected() {
	{ sessions && hostile; } | sed -E "/^imapa/s/ (nobody@|x\)|%25|$victim%20)[^ ]* / - /" | as_events |
		sed -e '/^failure sieve/s/ [^ ]*$/ -/' -e 's/%20/ /g; s/%0A/^J/; s/%25/%/' \
			-e "s/ $victim plaintext User/ $victim plaintext user/; /\^J/s/ user logged/ User logged/"
}

make_world
make_countries
lay_over cyrus rsyslog
add_user cyrus 64990 "$(stat -c %g /var/mail)"
start_syslog
write_config
/usr/lib/cyrus/bin/master -D 2>"$here/master" &
wait_for listening 143 110 4190
{ sessions && hostile; } | clients >"$here/clients" 2>&1
ok "all is logged" all_logged
refused() { grep -cE ': (a NO|NO|-ERR) ' "$here/clients"; }
ok "the server refused whom it should" same_list "$({ sessions && hostile; } | grep -cv ' secret$')" "$(refused)"

ok "each login and failure is one, of that name and address, and there are no others" \
	events_are "$(expected)"
finds_the_bots "$log"
ok "those who guess, and no other" same_list "$(printf 'brute-force %s\n' "$(hosts "${ipv6[0]}")" "$attacker")" \
	"$(jq -r 'select(.subject.ip) | "\(.jail) \(.subject.ip)"' "$dir/out" | sort)"
finish
