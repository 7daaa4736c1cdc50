#!/usr/bin/env bash
# plugins.sh: a plugin from outside of the tree, as doc/plugins.md builds it, and faulty ones.
# shellcheck disable=SC2016,SC2317 # what looks like a program is text; checks are called by name
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/checks.bash

umask 022
command -v pkg-config >"$dir/check" || { echo "pkg-config is not installed"; exit 77; }
cc=${CC:-cc}
command -v "$cc" >"$dir/check" || { echo "$cc is not installed"; exit 77; }

# -- an installed tree --------------------------------------------------------------------------
root=$dir/root
ok "make install-plugins" make --no-print-directory -s install-plugins DESTDIR="$root"
pc=$(find "$root" -name postern.pc)
export PKG_CONFIG_PATH=${pc%/*}
variable() { pkg-config --variable="$1" postern; }
prefix=$root$(variable prefix)
plugindir=$root$(variable plugindir)
flags=-I${prefix}/include/postern
ok "postern.pc: the header's folder" test "$(PKG_CONFIG_SYSROOT_DIR=$root pkg-config --cflags postern | tr -d ' ')" = "$flags"
ok "the header is there" test -r "$prefix/include/postern/postern-action.h"
ok "the plugins are there" test -r "$plugindir/exec.so"
ok "the skeleton is there as a text" test -r "$root$(variable docdir)/skeleton.c"
ok "... and is no plugin" test ! -e "$plugindir/skeleton.so"

# -- doc/plugins.md -------------------------------------------------------------------------------
# The page's first block, with the paths of the tree that was installed here.
commands() { sed -n '/^    cp /,/^    cc /s/^    //p' doc/plugins.md |
	sed "s|\$(pkg-config --variable=docdir postern)|$root$(variable docdir)|
		s|\$(pkg-config --cflags postern)|$flags|; s|^cc |$cc -Werror |"; }
work=$dir/work
mkdir "$work"
commands >"$dir/commands"
build() { (cd "$work" && sh -e "$dir/commands") && [ -s "$work/notebook.so" ]; }
ok "the page's commands build a plugin" build

state=$dir/state
action() { # STATUS ARGUMENT...: of `postern action notebook`
	local status=$1
	shift
	run "$status" action notebook --plugins "$work" --state "$state" "$@"
}
joe='--user joe@example.org --address 198.51.100.10'
# shellcheck disable=SC2086 # words
{
	ok "check" action 0 check
	ok "apply" action 0 apply $joe
	ok "... keeps a file" test "$(jq -r .subject.user "$state"/*.json)" = joe@example.org
	ok "apply again" action 0 apply $joe
	ok "... is one file" test "$(find "$state" -type f | wc -l)" -eq 1
	ok "lift" action 0 lift $joe
	ok "... keeps none" test -z "$(find "$state" -type f)"
	ok "lift again" action 0 lift $joe
	ok "an option" action 0 apply $joe --option content=user --id 7
	ok "... is heeded" test "$(cat "$state/7.user")" = joe@example.org
}
one=$dir/one.json
echo '{"jail": "j", "a": [1, 2]}' >"$one"
ok "a decision's JSON" action 0 apply --user joe --id 8 --json "$one"
ok "... is passed on" same <(jq -c . "$one") <(jq -c . "$state/8.json")
refused() { # TEXT ARGUMENT...
	local text=$1
	shift
	says 2 "$text" action notebook --plugins "$work" --state "$state" "$@"
}
ok "a wrong value" refused 'content: expected one of json, user, not "usr"' apply --user joe --option content=usr
ok "an unknown option" refused 'has no option "contnt"; did you mean "content"?' check --option contnt=json
ok "no option" refused '--option: expected KEY=VALUE, not "content"' check --option content
ok "no user" refused '--user: expected 1 to 255 bytes of UTF-8' apply --user $'a\nb'
ok "no address" refused '--address: expected an address or a prefix' apply --address 192.0.2.300
ok "no queue id" refused '--queue-id: expected letters, digits' apply --queue-id ALL/x
ok "no time" refused '--for: expected a time like' apply --user joe --for soon
ok "no number" refused '--id: expected a number, not "-1"' apply --user joe --id -1
ok "nothing to release" refused '--release: expected one of keep, release, purge' lift --release all
ok "nobody" refused 'expected --user or --address' apply
ok "no list" refused "\"notebook\" can't tell what is in force" list
ok "no verb" refused 'expected apply, lift, list or check, not "aply"' aply
ok "no JSON" refused 'expected one JSON object' apply --user joe --json /dev/null
ok "own addresses are left out" says 1 'never banned, and left out: 127.0.0.1' \
	action notebook --plugins "$work" --state "$state" apply --address 127.0.0.1
ok "no folder to remember in" says 1 'notebook: /nonexistent/x: No such file' \
	action notebook --plugins "$work" --state /nonexistent/x apply --user joe
ok "without a plugin's name" says 2 'expected the name of a plugin and what to do' action

# -- in a jail ------------------------------------------------------------------------------------
mkdir "$dir/jails" "$dir/conf.d"
echo "plugins = \"$work\"" >"$dir/postern.conf"
jail() { # TEXT: a jail with this action
	printf 'jail "j" {\n  rule "r" { count = login max = 5 }\n  %s\n}\n' "$1" >"$dir/jails/j.conf"
}
check=(check -c "$dir/postern.conf" --jails "$dir/jails" --geoip "" --asn "" --quiet)
jail 'action "notebook" { content = user }'
loads() { # ARGUMENT...: whatever postern warns of, it is no error
	"$postern" "$@" >"$dir/out" 2>"$dir/err"
	[ $? -le 1 ] && [ ! -s "$dir/err" ] && return
	cat "$dir/err"
	return 1
}
ok "a jail with it loads" loads "${check[@]}"
jail 'action "notebook" { content = usr }'
ok "a wrong value, with its line" says 2 'j.conf:3: content: expected one of json, user' "${check[@]}"
jail 'action "exec" { program = "/nonexistent/x" }'
echo "plugins = \"$plugindir\"" >"$dir/postern.conf"
says_out() { "$postern" "${check[@]}" >"$dir/out" 2>&1; grep -qF -- "$1" "$dir/out"; }
ok "check asks the plugin" says_out 'warning: action "exec": /nonexistent/x: No such file'
jail 'action "kick" {}'
mkdir "$dir/none"
: >"$dir/empty.log"
echo "plugins = \"$dir/none\"" >"$dir/postern.conf"
ok "a shipped plugin that is not there" says 2 'kick.so: No such file' "${check[@]}"
ok "... is no matter to scan" loads scan -c "$dir/postern.conf" --jails "$dir/jails" --geoip "" --asn "" --quiet "$dir/empty.log"
jail 'action "kcik" {}'
ok "a name that is none, to scan" says 2 'no action is called that; expected log|did you mean "kick"?' \
	scan -c "$dir/postern.conf" --jails "$dir/jails" --geoip "" --asn "" --quiet "$dir/empty.log"
mkdir "$dir/groups"
cp jail.d/*.conf "$dir/groups"
for jail in stolen-account brute-force spraying guessing; do
	sed -i 's/^  # actions = /  actions = /' "$dir/groups/$jail.conf"
done
ok "actions = protect switches on what the jails offer" loads check --jails "$dir/groups" --geoip "" --asn ""
ok "... all of it" grep -q '^actions .*: log nftables mail kick postfix-map postfix-hold\|^actions .* log .*nftables.*postfix-hold' "$dir/out"

# -- plugins that are no good --------------------------------------------------------------------
faulty() { # NAME SED-SCRIPT TEXT: the skeleton, changed, is refused so
	mkdir -p "$dir/faulty"
	sed -e "s/\"skeleton\"/\"$1\"/" -e "$2" actions/skeleton.c >"$dir/faulty/$1.c"
	"$cc" -w -I"$prefix/include/postern" -D_GNU_SOURCE -fPIC -shared -o "$dir/faulty/$1.so" \
		"$dir/faulty/$1.c" || return 1
	says 2 "$3" action "$1" check --plugins "$dir/faulty" --state "$state"
}
ok "another version of the header" faulty abi 's/= POSTERN_ACTION_ABI/= 99/' \
	'built for version 99 of postern-action.h, this postern has version 1'
ok "no descriptor" faulty none 's/postern_action postern_action/postern_action other_name/' \
	'expected it to export postern_action'
ok "no apply" faulty apply '/\.apply = /d' 'expected it to have apply'
ok "it wants nothing" faulty wants '/\.wants = /d' 'expected it to want users, addresses or queue ids'
ok "an option outside of its context" faulty place 's/\.offset = offsetof(struct skeleton, keep)/.offset = 5000/' \
	'option "keep": it has no place in the context'
ok "a default that is none" faulty standard 's/\.standard = "no"/.standard = "perhaps"/' \
	'keep: expected yes or no, not "perhaps"'
ok "a symbol that nobody has" faulty symbol 's/(void)close(s->dir);/extern int nobody(void); (void)nobody();/' 'nobody'

# -- exec --------------------------------------------------------------------------------------
program=$dir/program
cat >"$program" <<'END'
#!/bin/sh
env | grep '^POSTERN_\|^OWN=' | sort >"$OUT"
printf '%s\n' "$@" >>"$OUT"
cat >>"$OUT"
exit "${STATUS:-0}"
END
chmod 755 "$program"
execute() { # STATUS ARGUMENT...
	local status=$1
	shift
	run "$status" action exec apply --plugins "$plugindir" --state "$state" --option program="$program" \
		--option environment=OUT="$dir/exec.out" --user 'j "$(id)" x' --address 198.51.100.1 \
		--address 2001:db8::/64 --id 5 --option arguments='one two' --option arguments=three "$@"
}
ok "exec" execute 0
cat >"$dir/exec.want" <<'END'
POSTERN_ACTION=apply
POSTERN_ADDRESSES=198.51.100.1 2001:db8::/64
POSTERN_ID=5
POSTERN_JAIL=by-hand
POSTERN_LEVEL=act
POSTERN_REASON=tried by hand
POSTERN_UNTIL=forever
POSTERN_USER=j "$(id)" x
one two
three
END
ok "... gets variables and arguments as they are" same "$dir/exec.want" <(head -n 10 "$dir/exec.out")
ok "... and JSON" test "$(tail -n 1 "$dir/exec.out" | jq -r .subject.user)" = 'j "$(id)" x'
ok "status 75: later" execute 1 --option environment=STATUS=75
ok "... says so" grep -q '^retry: .*program ended with status 75' "$dir/out"
ok "status 1: failed" execute 1 --option environment=STATUS=1
ok "... says so" grep -q '^failed: .*program ended with status 1' "$dir/out"
finish
