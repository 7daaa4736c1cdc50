#!/usr/bin/env bash
# failures.sh: what can go wrong with an action, on real servers. Each is broken in a way of its own when
# an account is banned: that is seen, the others go on, and once the cause is gone the action is
# applied without anybody's doing.
# shellcheck disable=SC2016,SC2034,SC2154,SC2317 # programs are quoted; checks are called by name
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/e2e/world.bash

table=lmdb:/run/e2e/postfix/postern_access
postfix_extra="smtpd_sender_restrictions = check_sasl_access $table"
. tests/e2e/postfix.bash
. tests/e2e/posternd.bash

bin=$here/bin hook=$here/hook
second=person2@example.org

script() { # NAME COMMAND...: what posternd starts in place of a program, put there in one step
	printf '#!/bin/sh\n%s\n' "$2" >"$bin/$1.new"
	chmod 755 "$bin/$1.new"
	mv "$bin/$1.new" "$bin/$1"
}
action_is() { # NAME JQ FILTER: true of what `postern status` says of the action
	answer status | jq -s -e --arg name "$1" ".[].action | select(. and .name == \$name) | $2"
}
# It is not applied, and an administrator who asks is told why.
tells() { # ACTION ERROR
	action_is "$1" '.applying | .applied == 0 and .retrying + .pending + .handed == 1' || return
	answer status | jq -s --arg name "$1" '.[].action | select(. and .name == $name)'
	action_is "$1" "\"\(.trouble) \(.error)\" | contains(\"$2\")" || return
	tool 0 status || tool 1 status
	grep -qF -- "$2" "$dir/out"
}
applies() { # ACTION: by itself; the world is looked at by the caller
	wait_until 20 is_applied "$1" && action_is "$1" '.error == null and .trouble == null'
}

# -- the servers, and a posternd whose actions all fail but two ---------------------------------------
make_world
make_mail_server
touch "${table#*:}"
postmap -c "$conf" "$table"
echo "smtp ${people[0]} $victim secret 3 a@example.net" | clients >"$dir/sent"
wait_for settled
mkdir -m 755 "$bin"
mkdir "$hook"
echo 'def is_genuine(*_): return False' >"$hook/is_genuine.py"
touch "$hook/secret"
echo 200 >"$hook/answer"
configure "log = { \"$maillog\" }" <<-END
	actions "protect" {
	  action "postfix-map"  { map = "$table"  config_directory = "$conf"  postmap = "$bin/postmap" }
	  action "postfix-hold" { config_directory = "$conf"  postsuper = "$bin/postsuper" }
	}
	jail "stolen-account" {
	  actions = protect
	  action "mail"    { sendmail = "$bin/sendmail"  timeout = 1s }
	  action "webhook" { url = "http://127.0.0.1:8080/" }
	  action "exec"    { program = "$bin/program" }
	}
END
nft 'add table inet postern; add chain inet postern mine'
script postsuper 'echo "postsuper: fatal: queue file system is full" >&2; exit 1'
script sendmail 'sleep 60'
script program "sleep 62 & touch $here/begun; sleep 61; true"
start_ours
ok "posternd is ready" is_ready
sent() { answer status | jq -s -e '.[].daemon | select(.) | .events.message >= 3'; }
ok "it has seen the messages" wait_for sent
ok "ban" tool 0 ban "$victim"
ok "exec is at work" wait_for test -e "$here/begun"
ok "what can work does" wait_for is_applied kick
ok "... the log too" is_applied log
ok "nftables: its table is somebody else's" wait_for tells nftables "table inet postern is somebody else's"
ok "postfix-map: postmap is not there" wait_for tells postfix-map "$bin/postmap"
ok "postfix-hold: postsuper fails" wait_for tells postfix-hold "queue file system is full"
ok "mail: sendmail hangs" wait_for tells mail "$bin/sendmail"
ok "webhook: nobody listens" wait_for tells webhook "127.0.0.1:8080"

# -- the causes go: all at once, for the longer it takes the later it is tried again -------------------
kill -9 "$(child exec)"
script program "touch $here/done"
nft delete table inet postern
script postmap 'echo "postmap: fatal: no space left on device" >&2; exit 1'
ln -sf "$(command -v postsuper)" "$bin/postsuper"
script sendmail "cat >>$here/told"
python3 tests/e2e/hook.py 8080 "$hook" >"$here/server" 2>&1 &
server=$!
ok "postfix-map: postmap is there, and fails" wait_for tells postfix-map "no space left on device"
ln -sf "$(command -v postmap)" "$bin/postmap"

ok "exec: its process was killed in the middle, and another goes on" applies exec
ok "... its program was begun anew" test -e "$here/done"
ok "... and nothing of it left behind" wait_for not pgrep -fx "sleep 6[12]"
ok "nftables: the other table is gone" applies nftables
set_is_there() { nft list set inet postern addresses4; }
ok "... its own is there" set_is_there
ok "postfix-map: postmap fails no more" applies postfix-map
refused() { echo "smtp ${people[0]} $victim secret 1 a@example.net" | clients | grep -qF ': 554 '; }
ok "... Postfix refuses her" refused
ok "postfix-hold: postsuper works" applies postfix-hold
held() { postqueue -c "$conf" -j | jq -r 'select(.queue_name == "hold") | .queue_id' | grep -c .; }
ok "... her messages are on hold" [ "$(held)" -eq "$(queued_by "$victim" | wc -l)" ]
ok "mail: sendmail does not hang" applies mail
ok "... one mail, no more" [ "$(grep -c '^Subject:' "$here/told")" -eq 1 ]
ok "webhook: somebody listens" applies webhook
ok "... and was told once" [ "$(grep -c . "$hook/requests")" -eq 1 ]
ok "status has nothing to say any more" tool 0 status

# -- lifting fails too --------------------------------------------------------------------------
lifting() { action_is "$1" ".lifting | $2"; } # ACTION JQ FILTER
kill $server
script postmap 'echo "postmap: fatal: no space left on device" >&2; exit 1'
ok "unban" tool 0 unban "$victim"
ok "postfix-map: what can't be lifted is tried again" wait_for lifting postfix-map '.retrying == 1'
ok "... and the webhook" wait_for lifting webhook '.retrying == 1'
ok "... what can be lifted is" wait_for lifting nftables '.retrying + .pending + .handed == 0'
ln -sf "$(command -v postmap)" "$bin/postmap"
python3 tests/e2e/hook.py 8080 "$hook" >"$here/server" 2>&1 &
all_lifted() { answer status | jq -s -e '[.[].action | select(.) | .lifting | .retrying + .pending + .handed + .failed] | add == 0'; }
ok "... and later all is" wait_until 15 all_lifted
sends() { echo "smtp ${people[0]} $victim secret 1 a@example.net" | clients | grep -q "^$victim"; }
ok "... she sends again" sends
ok "it ends well" stop_daemon

# -- a right is missing -------------------------------------------------------------------------
nft delete table inet postern
daemon_with_rights=$daemon
daemon=$here/daemon-without-rights
printf '#!/bin/sh\nexec setpriv --inh-caps -net_admin --bounding-set -net_admin %s "$@"\n' "$(realpath "$daemon_with_rights")" >"$daemon"
chmod 755 "$daemon"
start_ours
ok "without CAP_NET_ADMIN it is ready too" is_ready
ok "ban another" tool 0 ban "$second"
closed() { postmap -c "$conf" -q "$second" "$table"; }
ok "... Postfix's table is written" wait_for closed
ok "nftables says what is missing" wait_for action_is nftables '.ready | not'
ok "... in status" tool 1 status
ok "... in words" grep -q '^warning .*action nftables: .* it takes CAP_NET_ADMIN' "$dir/out"
ok "it ends well" stop_daemon
daemon=$daemon_with_rights
start_ours
ok "with it what is missing is applied" wait_for set_is_there
ok "it ends well" stop_daemon
pid=
finish
