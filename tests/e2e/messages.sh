#!/usr/bin/env bash
# messages.sh: what leaves postern. Mail through the sendmail(1) of a real Postfix and of a real Exim,
# read again where it was delivered; webhooks to an HTTPS server with a certificate of its own.
# shellcheck disable=SC2016,SC2317,SC2154,SC2034 # checks are called by name; variables of others
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/e2e/exim.bash
. tests/e2e/world.bash
. tests/e2e/postfix.bash
. tests/e2e/plugin.bash

make_world
mkdir -m 777 "$here/boxes"

# -- the evidence ------------------------------------------------------------------------------
cat >"$here/decision.json" <<'EOF_JSON'
{ "jail": "stolen-account", "verdict": "act", "score": 120, "act_at": "2026-11-20T18:42:52Z",
  "subject": { "user": "laura@example.org" },
  "rules": [{ "name": "networks", "value": 30, "max": 9, "score": 100 }],
  "addresses": [
    { "ip": "198.51.100.7", "country": "VN", "network": "Netz f\u00fcr \u001b[2JAlle", "bot": true,
      "logins": 4, "messages": 3, "bounces": 1, "first": "2026-11-20T18:40:00Z", "last": "2026-11-20T18:42:00Z" },
    { "ip": "203.0.113.9", "country": "ES", "bot": false, "logins": 1, "messages": 0, "bounces": 0,
      "first": "2026-11-20T08:00:00Z", "last": "2026-11-20T08:00:00Z" }],
  "messages": 3, "recipients": 40, "bounces": 1, "queue_ids": ["8A0C4A8493D"] }
EOF_JSON

tell() { # STATUS VERB ID USER [ARGUMENT...]
	local status=$1 verb=$2 id=$3 user=$4
	shift 4
	act "$status" "$verb" --id "$id" --user "$user" --json "$here/decision.json" "$@"
}

# -- mail --------------------------------------------------------------------------------------
plugin=mail rights=setuid,setgid,dac_override,chown,fowner

mails() { # BOX NUMBER: so many were delivered to it
	[ "$(find "$here/boxes/$1/new" -type f 2>/dev/null | wc -l)" -eq "$2" ] && return
	find "$here/boxes" -type f
	return 1
}
# The newest mail of a box satisfies the expression: m is the mail, text its body, raw its bytes.
mail_is() { # BOX EXPRESSION
	python3 - "$here/boxes/$1/new" "$2" <<-'EOF_PY'
		import email, email.policy, pathlib, sys
		newest = max(pathlib.Path(sys.argv[1]).iterdir(), key=lambda p: p.stat().st_mtime_ns)
		raw = newest.read_bytes()
		m = email.message_from_bytes(raw, policy=email.policy.default)
		text = m.get_content()
		if not eval(sys.argv[2]):
		    print(raw.decode(errors="replace"))
		    sys.exit(1)
	EOF_PY
}
queue_run() { # Exim's daemon does it now and then
	[ "$1" != Exim ] || "$exim" -q
}
# What both servers have to make of it.
check_mail() { # SERVER: sendmail is in $settings
	ok "$1: a mail is sent" tell 0 apply 12 $victim
	queue_run "$1"
	ok "$1: ... to the postmaster" wait_for mails postmaster 1
	ok "$1: ... and the domain's contact" wait_for mails admin 1
	ok "$1: ... without an envelope sender" mail_is postmaster 'm["Return-Path"] in (None, "<>")'
	ok "$1: ... which is well formed" mail_is postmaster 'not m.defects and not any(h.defects for h in m.values())'
	ok "$1: ... automatic" mail_is postmaster 'm["Auto-Submitted"] == "auto-generated"'
	ok "$1: ... with a subject" mail_is postmaster 'm["Subject"].startswith("laura@example.org is used by somebody else (")'
	ok "$1: ... and a date and an id, each once" mail_is postmaster \
		'all(len(m.get_all(k)) == 1 for k in ("Date", "Message-ID", "From", "To", "Subject"))'
	ok "$1: ... in UTF-8" mail_is postmaster 'm.get_content_charset() == "utf-8" and "Netz für ?[2JAlle" in text'
	ok "$1: ... with the evidence" mail_is postmaster '"198.51.100.7" in text and "  networks" in text'
	ok "$1: ... and what to do" mail_is postmaster '"postern unban laura@example.org --release" in text'
	ok "$1: ... in lines that are short enough" mail_is postmaster 'max(map(len, raw.split(b"\n"))) <= 998'
	ok "$1: the same again is no mail" tell 0 apply 12 $victim
	ok "$1: ... nor with another address" tell 0 apply 12 $victim --address 198.51.100.8
	ok "$1: a name that is no ASCII" tell 0 apply 13 'jörg =?x?q?y?=@example.net'
	queue_run "$1"
	ok "$1: ... is told" wait_for mails postmaster 2
	ok "$1: ... as it is" mail_is postmaster 'm["Subject"].startswith("jörg =?x?q?y?=@example.net is used")'
	ok "$1: ... to no contact of another domain" mails admin 1
	ok "$1: a note at the end" tell 0 lift 12 $victim
	queue_run "$1"
	ok "$1: ... is sent" wait_for mails postmaster 3
	ok "$1: ... and says so" mail_is postmaster '"is free again" in m["Subject"]'
	ok "$1: ... once" tell 0 lift 12 $victim
	ok "$1: more than is allowed at once" tell 1 apply 14 $victim --option at_most=3
	ok "$1: ... wait" said 'retry: waits for the digest'
	ok "$1: ... so there are no more" mails postmaster 3
}
no_event_of_a_user() { # LOG: our own mail is nobody's login and nobody's message
	"$postern" events "$1" >"$dir/events" 2>"$dir/err"
	grep -q . "$1" && not grep '"user"' "$dir/events" && not grep '"event":"message"' "$dir/events"
}

postfix_extra='myorigin = staff.example.net
virtual_mailbox_domains = staff.example.net
virtual_mailbox_base = /run/e2e/boxes
virtual_mailbox_maps = inline:{ { postmaster@staff.example.net = postmaster/ },
  { admin@staff.example.net = admin/ } }
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534'
make_mail_server
# sendmail(1) reads the usual folder, which is the test's own.
mv /etc/postfix /etc/postfix.before
ln -s "$conf" /etc/postfix
echo 'virtual unix - n n - - virtual' >>"$conf/master.cf"
postfix -c "$conf" reload >/dev/null 2>&1
settings=(contacts=example.org=admin@staff.example.net)
check_mail Postfix
ok "Postfix: its log has no event of a user" no_event_of_a_user "$maillog"
ok "Postfix: ... though the mails are in it" test "$(grep -c 'uid=0 from=<>' "$maillog")" -eq 3
rm -r "$here/boxes"/* "$here/state/mail"

install_exim
exim_transports="box:
		  driver = appendfile
		  directory = $here/boxes/\$local_part_data
		  maildir_format
		  return_path_add
		  user = nobody"
exim_routers='box:
		  driver = accept
		  domains = staff.example.net
		  local_parts = postmaster : admin
		  transport = box'
exim_main='qualify_domain = staff.example.net'
write_config
settings+=("sendmail=$exim")
check_mail Exim
ok "Exim: its log has no event of a user" no_event_of_a_user "$log"
ok "Exim: ... though the mails are in it" test "$(grep -c ' <= <> U=root P=local' "$log")" -eq 3

printf '#!/bin/sh\nsleep 60\n' >"$here/hangs"
chmod 755 "$here/hangs"
settings=("sendmail=$here/hangs" timeout=1s)
ok "a sendmail that hangs is killed, and tried again" tell 1 apply 20 $victim
ok "... and says so" said "retry: $here/hangs"
settings=("sendmail=$here/none")
ok "check says that there is none" act 1 check
ok "... and where" said "$here/none: No such file"

# -- webhook -----------------------------------------------------------------------------------
plugin=webhook rights=
hook=$here/hook
mkdir "$hook"
from_page webhook python >"$hook/is_genuine.py"
eval "$(from_page webhook sh | sed "s|/etc/postern/webhook.secret|$hook/secret|")"

certificate() { # NAME SUBJECT-ALT-NAME: one that is signed by itself
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
		-addext "subjectAltName=$2" -keyout "$hook/$1.key" -out "$hook/$1.pem" 2>"$hook/$1.err"
}
serve() { # PORT [NAME]
	python3 tests/e2e/hook.py "$1" "$hook" ${2:+"$hook/$2.pem" "$hook/$2.key"} >"$hook/server.$1" 2>&1 &
	server=$!
	wait_for listening "$1" || cat "$hook/server.$1"
}
answers() { # STATUS...: of the next requests; forgets the earlier ones
	echo "$1" >"$hook/answer"
	: >"$hook/requests"
}
posted() { # NUMBER
	[ "$(wc -l <"$hook/requests")" -eq "$1" ] && return
	cat "$hook/requests"
	return 1
}
request_is() { # JQ EXPRESSION: of the last request
	tail -n 1 "$hook/requests" | jq -e "$1" >/dev/null && return
	cat "$hook/requests"
	return 1
}

certificate right IP:127.0.0.1
certificate wrong DNS:other.example.org
settings=(url=https://127.0.0.1:8443/postern "secret_file=$hook/secret" "ca=$hook/right.pem" timeout=2s)
answers 200
ok "nobody is there: tried again" tell 1 apply 12 $victim
ok "... and says why" said 'retry: https://127.0.0.1:8443/postern: Failed to connect'
serve 8443 right
export https_proxy=http://127.0.0.1:9 http_proxy=http://127.0.0.1:9
ok "then it is delivered, past any proxy" tell 0 apply 12 $victim --address 198.51.100.7 --for 1h
unset https_proxy http_proxy
ok "... signed" request_is '.genuine and (.tampered | not)'
ok "... to the path, as JSON" request_is '.path == "/postern" and .type == "application/json"'
ok "... with whom it is about" request_is \
	'.body | .event == "apply" and .id == 12 and .user == "laura@example.org" and .until > 0'
ok "... the addresses" request_is '.body.addresses == ["198.51.100.7"]'
ok "... and the evidence" request_is '.body.decision.rules[0].name == "networks"'
ok "the same again" tell 0 apply 12 $victim --address 198.51.100.7
ok "... is not posted" posted 1
answers 500
ok "a server that fails" tell 1 apply 13 $victim
ok "... is tried again" said 'retry: https://127.0.0.1:8443/postern answered with status 500'
answers 200
ok "... until it does not" tell 0 apply 13 $victim
ok "... with the same decision" request_is '.body.id == 13 and .genuine'
answers 403
ok "one that refuses" tell 1 apply 14 $victim
ok "... has failed" said 'failed: https://127.0.0.1:8443/postern answered with status 403'
answers 302
ok "one that sends us on" tell 1 apply 14 $victim
ok "... is not followed" posted 1
ok "... and has failed" said 'failed: https://127.0.0.1:8443/postern answered with status 302'
answers flood
ok "an answer without end is no matter" tell 0 apply 15 $victim
answers silent
ok "no answer" tell 1 apply 16 $victim
ok "... is a matter of time" said 'retry: https://127.0.0.1:8443/postern: Operation timed out'
answers 200
ok "the end" tell 0 lift 12 $victim --release purge
ok "... is posted" request_is '.genuine and (.body | .event == "lift" and .id == 12 and .release == "purge")'
ok "the end of what was never delivered" tell 0 lift 14 $victim
ok "... is not" posted 1
settings=(url=https://127.0.0.1:8443/postern "secret_file=$hook/secret" timeout=2s)
ok "a certificate that nobody vouches for" tell 1 apply 17 $victim
ok "... is not trusted" said 'retry: https://127.0.0.1:8443/postern: SSL certificate problem'
kill $server
serve 8444 wrong
settings=(url=https://127.0.0.1:8444/ "ca=$hook/wrong.pem" timeout=2s)
ok "a certificate for another name" tell 1 apply 17 $victim
ok "... is not trusted either" said 'retry: https://127.0.0.1:8444/: SSL:'
ok "neither was sent a thing" posted 1
kill $server
serve 8080
settings=(url=http://127.0.0.1:8080/)
ok "plain HTTP within this machine, unsigned" tell 0 apply 17 $victim
ok "... is delivered" request_is '.body.id == 17 and (.signed | not)'
settings=(url=http://192.0.2.1:8080/)
ok "plain HTTP to another" tell 1 apply 18 $victim
ok "... is refused" said 'http:// is for this machine alone'
finish
