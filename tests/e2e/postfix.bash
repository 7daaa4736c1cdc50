#!/usr/bin/env bash
# postfix.bash: a real Postfix with Dovecot's SASL and IMAP, private to a test; sourced after world.bash.
#
# On ports 587 and 588 users authenticate with any name and the password "secret". Messages pass a
# content filter and are accepted again from it: on 587 it says whose they were (XFORWARD), on 588 it
# does not. What goes out stays in the queue; mail to example.org is thrown away, unless a test
# says otherwise in $postfix_extra, lines for main.cf.
# shellcheck disable=SC2034,SC2154 # the variables are the tests' own

maillog=$here/mail.log
conf=$here/postfix
queue=$here/queue

start_dovecot() {
	mkdir -m 755 "$here/dovecot" "$here/dovecot/state"
	mkdir -m 777 "$here/home"
	cat >"$here/dovecot.conf" <<-EOF
		protocols = imap
		listen = 192.0.2.25, 2001:db8::25
		base_dir = $here/dovecot
		state_dir = $here/dovecot/state
		log_path = $here/dovecot.log
		ssl = no
		disable_plaintext_auth = no
		auth_mechanisms = plain login
		auth_failure_delay = 0
		mail_location = maildir:~/Maildir
		passdb {
		  driver = static
		  args = password=secret
		}
		service anvil {
		  unix_listener anvil-auth-penalty {
		    mode = 0
		  }
		}
		userdb {
		  driver = static
		  args = uid=nobody gid=nogroup home=$here/home/%u
		}
		service auth {
		  unix_listener $queue/private/auth {
		    mode = 0666
		  }
		}
	EOF
	dovecot -c "$here/dovecot.conf"
	wait_for listening 143
}

write_master_cf() {
	cat >"$conf/master.cf" <<-'EOF'
		587       inet  n - n - - smtpd
		  -o syslog_name=postfix/submission -o smtpd_sasl_auth_enable=yes
		  -o smtpd_reject_unlisted_recipient=no
		  -o content_filter=forward:[127.0.0.1]:10025
		588       inet  n - n - - smtpd
		  -o syslog_name=postfix/legacy -o smtpd_sasl_auth_enable=yes
		  -o content_filter=plain:[127.0.0.1]:10025
		127.0.0.1:10025 inet n - n - - smtpd
		  -o smtpd_recipient_restrictions=permit_mynetworks,reject
		  -o smtpd_authorized_xforward_hosts=127.0.0.0/8
		127.0.0.1:10026 inet n - n - - smtpd
		  -o syslog_name=far-server -o smtpd_recipient_restrictions=reject
		remote    unix  - - n - - smtp
		forward   unix  - - n - - smtp -o smtp_send_xforward_command=yes
		plain     unix  - - n - - smtp
		pickup    unix  n - n 60 1 pickup
		cleanup   unix  n - n - 0 cleanup
		qmgr      unix  n - n 300 1 qmgr
		rewrite   unix  - - n - - trivial-rewrite
		bounce    unix  - - n - 0 bounce
		defer     unix  - - n - 0 bounce
		trace     unix  - - n - 0 bounce
		verify    unix  - - n - 1 verify
		flush     unix  n - n 1000? 0 flush
		proxymap  unix  - - n - - proxymap
		smtp      unix  - - n - - smtp
		showq     unix  n - n - - showq
		error     unix  - - n - - error
		retry     unix  - - n - - error
		scache    unix  - - n - 1 scache
		discard   unix  - - n - - discard
		anvil     unix  - - n - 1 anvil
		postlog   unix-dgram n - n - 1 postlogd
	EOF
}

start_postfix() {
	cat >"$conf/main.cf" <<-EOF
		compatibility_level = 3.6
		queue_directory = $queue
		data_directory = $here/data
		maillog_file = $maillog
		maillog_file_prefixes = $here
		myhostname = mail.example.org
		mydestination =
		local_recipient_maps =
		alias_maps =
		alias_database =
		inet_interfaces = 192.0.2.25, [2001:db8::25], 127.0.0.1
		inet_protocols = all
		mynetworks = 127.0.0.0/8
		smtpd_sasl_type = dovecot
		smtpd_sasl_path = private/auth
		smtpd_tls_security_level = none
		smtpd_peername_lookup = no
		smtpd_error_sleep_time = 0
		smtpd_client_connection_count_limit = 0
		smtpd_recipient_restrictions =
		  check_recipient_access inline:{ { blocked@example.net = REJECT } },
		  permit_sasl_authenticated, reject
		transport_maps = inline:{ { example.org = discard: },
		  { invalid.example.net = error:5.1.1 no such user },
		  { far.example.net = remote:[127.0.0.1]:10026 } }
		defer_transports = smtp
	EOF
	if [ -n "${postfix_extra:-}" ]; then
		[ "${postfix_extra#*transport_maps}" = "$postfix_extra" ] || sed -i '/^transport_maps/,$ { /^defer/!d }' "$conf/main.cf"
		echo "$postfix_extra" >>"$conf/main.cf"
	fi
	cp /etc/postfix/dynamicmaps.cf "$conf"
	cp -r /etc/postfix/dynamicmaps.cf.d "$conf"
	write_master_cf
	postfix -c "$conf" start >"$here/postfix.out" 2>&1 || cat "$here/postfix.out"
	wait_for listening 587 588 10025 10026
}

queued_by() { # the ids in Postfix's queue of mail from USER
	postqueue -c "$conf" -j | jq -r --arg user "$1" 'select(.sender == $user) | .queue_id' | sort
}
settled() { # all that was sent is either in the deferred queue or gone
	[ "$(find "$queue/incoming" "$queue/active" "$queue/maildrop" -type f | wc -l)" -eq 0 ]
}

# Its processes log through one socket, in their order: before this word stands all that was said so far.
all_logged() {
	local word="all until $RANDOM"
	postlog -c "$conf" "$word" && wait_for grep -qF "$word" "$maillog"
}

make_mail_server() { # the folders, then both servers
	mkdir -p "$conf" "$queue/pid" "$queue/private" "$here/data"
	chown postfix "$queue/private" "$here/data"
	start_dovecot
	start_postfix
}
