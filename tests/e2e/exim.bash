#!/usr/bin/env bash
# exim.bash: a real Exim, private to a test; sourced before world.bash, for it has a `prepare`.
#
# On port 587 users authenticate with any name and the password "secret". Mail to example.net waits
# for a server that does not answer, example.com and example.org take everything, and at
# far.example.net there is nobody. A test adds lines of its own to $exim_main, to $exim_mail, the ACL
# at MAIL, or to $exim_routers and $exim_transports.
#
# It runs from the test's own /run, with the test's own /etc.
# shellcheck disable=SC2034,SC2154 # the variables are the tests' own

. tests/e2e/unpacked.bash
prepare() { unpack exim exim4-daemon-light; }

exim=/run/e2e/exim4
log=/run/e2e/mainlog
exim_main='' exim_mail='' exim_routers='' exim_transports=''

write_config() {
	mkdir -p /etc/exim4
	cat >/etc/exim4/exim4.conf <<-EOF
		keep_environment =
		exim_path = $exim
		spool_directory = $here/spool
		log_file_path = $here/%slog
		log_selector = +smtp_no_mail +incoming_port
		primary_hostname = mail.example.org
		local_interfaces = <; 192.0.2.25 ; 2001:db8::25
		daemon_smtp_ports = 587
		tls_advertise_hosts =
		rfc1413_query_timeout = 0s
		acl_smtp_mail = check_mail
		acl_smtp_rcpt = check_rcpt
		$exim_main
		begin acl
		check_mail:
		$exim_mail
		  accept
		check_rcpt:
		  deny domains = invalid.example.net
		    message = no such user
		  accept authenticated = *
		  deny message = authenticate first
		begin routers
		$exim_routers
		taken:
		  driver = redirect
		  domains = example.com : example.org
		  data = :blackhole:
		nobody:
		  driver = redirect
		  domains = far.example.net
		  allow_fail
		  data = :fail: no such user
		waiting:
		  driver = manualroute
		  transport = remote
		  route_list = * 192.0.2.1
		begin transports
		$exim_transports
		remote:
		  driver = smtp
		begin retry
		* * F,2h,15m
		begin authenticators
		plain_server:
		  driver = plaintext
		  public_name = PLAIN
		  server_prompts = :
		  server_condition = \${if eq{\$auth3}{secret}}
		  server_set_id = \$auth2
	EOF
}

install_exim() {
	echo 'Debian-exim:x:64997:64997::/nonexistent:/usr/sbin/nologin' >>/etc/passwd
	echo 'Debian-exim:x:64997:' >>/etc/group
	chmod 777 "$here"
	install -m 4755 build/exim/usr/sbin/exim4 "$exim"
	mkdir "$here/spool"
	chown 64997:64997 "$here/spool"
}

start_exim() {
	[ -x "$exim" ] || install_exim
	# Not -bd: a daemon whose parent is process 1 does not go into the background.
	"$exim" -bdf >"$here/exim.out" 2>&1 &
	wait_for listening 587 || cat "$here/exim.out"
}
