#!/usr/bin/env bash
# unpacked.bash: what the tests share whose server can't be installed beside Postfix and Dovecot;
# sourced by them, before world.bash. Its packages, and those of theirs that are missing here, are
# unpacked into build/NAME, and laid over /usr and /etc within the test's own namespaces. It logs
# to the syslogd of Debian, set up as Debian does.
# shellcheck disable=SC2154 # world.bash and the tests set them

# Outside, where there is a network.
unpack() { # NAME PACKAGE...
	local new=$PWD/build/$1.new log=$PWD/build/$1.apt.log missing deb
	[ -d "build/$1" ] && return
	rm -rf "$new"
	mkdir -p "$new/debs"
	apt-get -s install --no-install-recommends "${@:2}" >"$log" 2>&1
	missing=$(awk '/^Inst / && $3 !~ /^\[/ { print $2 }' "$log")
	# shellcheck disable=SC2086 # they are words
	(cd "$new/debs" && apt-get download -q "${@:2}" $missing) >>"$log" 2>&1
	! grep -q '^E:' "$log" || skip "can't fetch $1: $(grep -m 1 '^E:' "$log")"
	for deb in "$new"/debs/*.deb; do
		dpkg-deb -x "$deb" "$new"
	done
	rm -r "$new/debs"
	mv "$new" "build/$1"
}

# Inside: /usr can be written to, and keeps nothing of it.
lay_over() { # NAME...
	local name lower=
	for name; do
		lower+=$PWD/build/$name/usr:
		cp -a "build/$name/etc/." /etc
	done
	mkdir /run/usr /run/usr.work
	mount -t overlay -o "lowerdir=$lower/usr,upperdir=/run/usr,workdir=/run/usr.work" none /usr
	mount -t tmpfs -o mode=755 none /var/lib
	mount -t tmpfs -o mode=755 none /var/spool
}

add_user() { # NAME ID [GROUP]
	echo "$1:x:$2:${3:-$2}::/nonexistent:/usr/sbin/nologin" >>/etc/passwd
	[ $# -eq 3 ] || echo "$1:x:$2:" >>/etc/group
}

syslog_settings=() # beside Debian's

# The socket is in a /dev of the test's own.
start_syslog() {
	mkdir /run/dev
	cp -a /dev/{null,zero,full,random,urandom,tty,ptmx,fd,stdin,stdout,stderr} /run/dev
	mount --bind /run/dev /dev
	hostname mail
	printf '%s\n' 'module(load="imuxsock")' "${syslog_settings[@]}" "mail.* $log" >/etc/rsyslog.conf
	rsyslogd -n -i NONE &
	wait_for test -S /dev/log
}
all_logged() {
	logger -p mail.info -t test "until here"
	wait_for grep -q ' test: until here' "$log"
}

# -- who did what --------------------------------------------------------------------------------
# Sessions as tests/e2e/client takes them; where the password is right, "secret", they are logins.
people_and_bots() { # PROTOCOL
	local i
	for i in "${!people[@]}"; do
		echo "$1 ${people[i]} person$i@example.org secret"
	done
	echo "$1 ${people[3]} person3@example.org mistyped"
	for i in "${!bots[@]}"; do
		echo "$1 ${bots[i]} $victim secret"
	done
}
guesses() { # PROTOCOL
	local i
	for i in {1..6}; do
		echo "$1 $attacker person1@example.org guess$i"
	done
}

# The events that the sessions on standard input have to be.
as_events() {
	awk '{
		service = $1
		sub(/:.*/, "", service)
		sub(/^imapa$/, "imap", service)
		print ($4 == "secret" ? "login" : "failure"), service, $2, $3
	}'
}
events_are() { # EVENTS: those that postern finds, and no others
	"$postern" events --tz UTC "$log" >"$here/events"
	same_list "$(sort <<<"$1")" "$(jq -r 'select(.event | IN("login", "failure", "message")) |
		"\(.event) \(.service) \(.ip) \(.user // "-")"' "$here/events" | sort)"
}
