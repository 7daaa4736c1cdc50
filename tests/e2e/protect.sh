#!/usr/bin/env bash
# protect.sh: the whole of it. A botnet logs in to a real Postfix with a stolen password; posternd reads
# its log, decides, and puts the bots into nftables, cuts their connections, closes the account
# to sending and holds what it has in the queue. Everybody else sends on, and the account still gets
# and reads its mail. Then one command undoes all of it.
#
# Messages pass a content filter and come back from it with a second queue id.
# shellcheck disable=SC2016,SC2034,SC2154,SC2317 # programs are quoted; checks are called by name
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/e2e/world.bash

mailboxes=$here/home
postfix_extra="
smtpd_sender_restrictions = check_sasl_access lmdb:$here/postfix/postern_access
virtual_mailbox_domains = example.org
virtual_mailbox_base = $mailboxes
virtual_mailbox_maps = static:$victim/Maildir/
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
transport_maps = inline:{ { example.org = virtual: }, { invalid.example.net = error:5.1.1 no such user }, { far.example.net = remote:[127.0.0.1]:10026 } }"
. tests/e2e/postfix.bash
. tests/e2e/posternd.bash

owner=192.0.2.1 # laura's own address: she was seen there on other days, and it is in a net of its own
# More of the botnet: these only read mail, after the account was closed to sending.
crowd=(203.0.113.{101..140} 2001:db8:{101..140}::10)
friend=person2@example.org

write_daemon_config() {
	configure "log = { \"$here/past.log\", \"$maillog\", \"$here/dovecot.log\" }" 'reconcile = 3s' <<-END
		actions "protect" {
		  action "nftables"     { counters = yes }
		  action "postfix-map"  { map = "lmdb:$conf/postern_access"  config_directory = "$conf" }
		  action "postfix-hold" { config_directory = "$conf" }
		}
		jail "stolen-account" {
		  actions = protect
		  action "mail" { sendmail = "/bin/true" }
		}
	END
}
held() { postqueue -c "$conf" -j | jq -r 'select(.queue_name == "hold") | .queue_id' | sort; }
queued() { postqueue -c "$conf" -j | jq -r --arg user "$1" 'select(.sender == $user and .queue_name != "hold") | .queue_id'; }
# What is held while it is given to the filter stays, but has no recipient left to be sent to.
held_of() {
	postqueue -c "$conf" -j | jq -r --arg user "$1" \
		'select(.sender == $user and .queue_name == "hold" and .recipients != []) | .queue_id' | sort
}
dropped() { nft -j list table inet postern | jq '[.. | objects | .counter? // empty | objects | .packets] | add'; }

# A session that stays open: commands in by $here/NAME.in, answers in $here/NAME.out.
stay() { # NAME ADDRESS USER
	mkfifo "$here/$1.in"
	ip netns exec world perl -e '
		use strict; use warnings; use IO::Socket::IP; use MIME::Base64; $| = 1;
		my ($from, $user) = @ARGV;
		my $s = IO::Socket::IP->new(LocalHost => $from, PeerPort => 587,
			PeerHost => $from =~ /:/ ? "2001:db8::25" : "192.0.2.25", Timeout => 10) or die "connect: $@";
		sub hear { while (<$s>) { return print "got $_" unless /^\d{3}-/ } print "gone\n"; exit }
		hear();
		for my $line ("EHLO client", "AUTH PLAIN " . encode_base64("\0$user\0secret", "")) { print $s "$line\r\n"; hear() }
		print "ready\n";
		while (<STDIN>) { chomp; s/\\n/\r\n/g; print $s "$_\r\n"; hear() }' "$2" "$3" <"$here/$1.in" >"$here/$1.out" 2>&1 &
	exec {stay}>"$here/$1.in"
	eval "$1=$stay"
}
heard() { grep -q -- "$2" "$here/$1.out"; } # NAME PATTERN

incoming() { # a message for the victim, from outside
	ip netns exec world perl -e '
		use strict; use warnings; use IO::Socket::IP;
		my $s = IO::Socket::IP->new(PeerHost => "192.0.2.25", PeerPort => 25, LocalHost => "192.0.2.1", Timeout => 10) or die $@;
		sub hear { while (<$s>) { return $_ unless /^\d{3}-/ } die "gone" }
		hear();
		for (@ARGV) { print $s "$_\r\n"; my $a = hear(); die $a unless $a =~ /^[23]/ }' \
		"EHLO out" "MAIL FROM:<somebody@example.com>" "RCPT TO:<$victim>" DATA $'Subject: hi\r\n\r\nHi.\r\n.' QUIT
}
arrived() { [ "$(find "$mailboxes/$victim/Maildir/new" "$mailboxes/$victim/Maildir/cur" -type f 2>/dev/null | wc -l)" -ge "$1" ]; }

# -- the servers, and days before the theft --------------------------------------------------------
make_world
for address in "${crowd[@]}"; do
	echo "address add $address/$([[ $address == *:* ]] && echo 128 || echo 32) dev world0"
done | ip -n world -batch -
make_countries
make_mail_server
cat >>"$conf/master.cf" <<-'EOF'
	25        inet  n - n - - smtpd
	  -o mynetworks=192.0.2.0/24 -o smtpd_recipient_restrictions=permit_mynetworks,reject
	virtual   unix  - n n - - virtual
EOF
touch "$conf/postern_access"
postmap -c "$conf" "lmdb:$conf/postern_access"
mkdir -p "$mailboxes/$victim"
chown nobody:nogroup "$mailboxes/$victim"
postfix -c "$conf" reload >/dev/null 2>&1
wait_for listening 25
# So that her own address is known: three days of the past.
for day in 3 2 1; do
	date -d "-$day days 10:00" "+%b %e %H:%M:%S mail dovecot: imap-login: Login: user=<$victim>, method=PLAIN, rip=$owner, lip=192.0.2.25, mpid=1, session=<old$day>"
done >"$here/past.log"

write_daemon_config
start_ours
ok "posternd is ready" is_ready

# -- the theft -------------------------------------------------------------------------------------
early=${bots[0]} # its session is open before anything is decided
stay bot "$early" "$victim"
stay hers "$owner" "$victim"
stay other "${people[2]}" "$friend"
ok "sessions are open" wait_for heard other ready
# Postfix names a user when it takes a message: one from the bot whose session stays.
for line in "MAIL FROM:<$victim>" "RCPT TO:<first@example.net>" DATA 'Subject: hello\n\nHello.\n.'; do
	echo "$line" >&"$bot"
	sleep 0.2
done
{
	echo "smtp $owner $victim secret 1 aunt@example.net"
	echo "smtp ${people[2]} $friend secret 2 uncle@example.net"
	for i in {1..20}; do
		echo "smtp:$((587 + i % 2)) ${bots[i]} $victim secret 1 a$i@example.net,b$i@example.com,c$i@example.net"
	done
} | clients >"$here/clients" 2>&1
ok "the account is acted on" wait_for has_said "act user $victim"
ok "nftables says applied" wait_for is_applied nftables
ok "postfix-map says applied" wait_for is_applied postfix-map
ok "postfix-hold says applied" wait_for is_applied postfix-hold
ok "kick says applied" wait_for is_applied kick

# -- the bots
ok "bots are in the kernel's sets" many "$(banned | wc -l)" 5
ok "her own address is not" not grep -qx "$owner" <(banned)
cut_off() { # NAME FD
	echo NOOP >&"$2"
	wait_for heard "$1" gone
}
ok "the bot's open session was cut" cut_off bot "$bot"
before=$(dropped)
late() { # a banned address has a way in
	ip netns exec world timeout 3 perl -MIO::Socket::IP -e \
		'exit !IO::Socket::IP->new(LocalHost => $ARGV[0], PeerHost => "192.0.2.25", PeerPort => 587, Timeout => 2)' "$early"
}
ok "a banned address can't connect" not late
ok "... and the counter rises" many "$(dropped)" $((${before:-0} + 1))

# Whoever else logs in as her walks into the trap.
trap_shut() { many "$(banned | wc -l)" 85; }
printf 'imap %s '"$victim"' secret\n' "${crowd[@]}" | clients >"$dir/crowd" 2>&1
ok "each further address that logs in joins the others" wait_for trap_shut
ok "... of IPv6 by its /64" sh -c 'echo "$1" | grep -q "^2001:db8:140::"' - "$(banned)"

# -- the account
refused_in() { # NAME FD: its next message
	echo "MAIL FROM:<$victim>" >&"$2"
	sleep 0.3
	echo "RCPT TO:<x@example.net>" >&"$2"
	wait_for heard "$1" "got 5"
}
ok "her session that was open can't send either" refused_in hers "$hers"
accepted_in() { # NAME FD
	local line
	for line in "MAIL FROM:<$friend>" "RCPT TO:<y@example.net>" RSET; do
		echo "$line" >&"$2"
		sleep 0.2
	done
	not grep -q "got [45]" "$here/$1.out"
}
ok "others send on, in a session that was open" accepted_in other "$other"
ok "mail for the account is taken" incoming
ok "... and delivered" wait_for arrived 1
reads() { echo "imap $owner $victim secret" | clients >"$dir/imap" 2>&1 && [ ! -s "$dir/imap" ]; }
ok "... and she can read it" reads

# -- the queue
all_held() { wait_for settled && none queued "$victim"; }
ok "all of the account's messages are on hold" wait_for all_held
# What the servers took of hers, from wherever, and the one of the session that stayed.
taken=$(($(grep -cE "^$victim [0-9a-f.:]+ [0-9A-F]+$" "$here/clients") + 1))
ok "... each that was taken, her own too" [ "$(held_of "$victim" | wc -l)" -eq "$taken" ]
ok "those of others are not" some queued "$friend"

# -- the world is changed behind its back, and it is killed
nft flush ruleset
ok "a flushed ruleset is mended" wait_for some banned
kill_ours
nft flush ruleset
: >"$conf/postern_access"
postmap -c "$conf" "lmdb:$conf/postern_access"
start_ours
ok "killed and begun again: the bots are banned again" wait_for some banned
mapped() { postmap -c "$conf" -q "$victim" "lmdb:$conf/postern_access" | grep -q .; }
ok "... and the account is closed again" wait_for mapped

# -- one command undoes it
ok "unban --release" tool 0 unban --release "$victim"
ok "the sets are empty" wait_for none banned
ok "the account may send" wait_for not mapped
ok "nothing is on hold" wait_for none held
ok "... it waits to be sent" some queued "$victim"
ok "a second time there is nothing to do" tool 1 unban --release "$victim"
sends() { echo "smtp ${bots[29]} $victim secret 1 z@example.net" | clients | grep -q "^$victim"; }
ok "the account sends again" sends

ok "it ends well" stop_daemon
pid=
finish
