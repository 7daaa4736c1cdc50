#!/usr/bin/env bash
# disk.sh: posternd when what it keeps can't be kept: the disk is full, read-only, locked by another
# program, or has rotted. It says so, goes on deciding and acting, and keeps everything once it can.
#
# As root alone: its state lies on a small file system of its own.
# shellcheck disable=SC2016,SC2119,SC2154,SC2317 # programs are quoted; checks are called by name
set -u
cd "$(dirname "$0")/.." || exit 2
skip() {
	echo "$*"
	exit 77
}
if [ -z "${DISK_INSIDE:-}" ]; then
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	command -v sqlite3 >/dev/null || skip "sqlite3 is not installed"
	unshare --mount true 2>/dev/null || skip "file systems can't be mounted here"
	DISK_INSIDE=1 exec unshare --mount bash "$0" "$@"
fi
. tests/checks.bash
. tests/daemon.bash

state=$dir/state
kept=$state/engine
write_config 'checkpoint = 1s' 'brake = off' 'silence_lines = 0'
cat >"$dir/note" <<END
#!/bin/sh
echo "\$POSTERN_ACTION \$POSTERN_ADDRESSES" >>$dir/noted
END
chmod 755 "$dir/note"
# One jail, about addresses: a few lines of the log are a decision.
find "$dir/jails" -name '*.conf' ! -name brute-force.conf ! -name actions.conf -delete
cat >"$dir/jails/zz-test.conf" <<END
jail "brute-force" {
  bantime = 1h
  action "exec" { program = "$dir/note" }
}
END
mkdir "$state"
mount -t tmpfs -o size=2m,mode=755 none "$state" || skip "no tmpfs can be mounted here"
trap 'umount -l "$state"; clean_up' EXIT
: >"$log"
: >"$dir/noted"

attack() { # ADDRESS: tries enough passwords to be banned
	local i
	for i in 1 2 3 4 5; do
		echo "$(date '+%b %e %H:%M:%S') mail postfix/smtpd[$i]: warning: unknown[$1]: SASL LOGIN authentication failed: UGFzc3dvcmQ6"
	done >>"$log"
}
acted() { grep -qx "apply $1" "$dir/noted"; }
lifted() { grep -qx "lift $1" "$dir/noted"; }
knows() { [ "$(json history 'select(.decision.ip == "'"$1"'") | .decision.id' | wc -l)" -eq 1 ]; }
# What the file holds, whether or not anybody reads it into memory again.
ask() { sqlite3 -readonly "$kept/decisions.db" "$1"; }
in_file() { ask "SELECT name FROM decision" | grep -qxF "$1"; }
counts() { ask "SELECT count(*) || ' ' || count(DISTINCT name) FROM decision" | grep -qx "$1 $1"; }
store_says() { json status 'select(.daemon) | .daemon.store' | grep -qF -- "$1"; }
well() { store_says ok; }
troubled() { # TEXT: `postern status` has it, and warns
	store_says "$1" && tool 1 status && json status 'select(.warning) | .warning.kind' | grep -qx store
}
mark() { mark=$(wc -l <"$said"); }
told_since() { tail -n +$((mark + 1)) "$said" | grep -qF -- "$1"; }
# As a machine that loses its power: nobody takes leave.
kill_daemon() {
	pkill -9 -P "$pid"
	kill -9 "$pid"
	wait "$pid" 2>/dev/null
	pid=
}
start_troubled() { # it answers, and has something to complain of
	"$daemon" -c "$conf_file" >>"$dir/daemon.out" 2>&1 &
	pid=$!
	wait_until 20 tool 1 status
}
again() { kill_daemon && start_daemon && wait_until 10 well; }

ok "it starts" start_daemon
[ "$failures" -eq 0 ] || { cat "$dir/daemon.out"; finish; }
attack 203.0.113.1
ok "it decides and acts" wait_until 10 acted 203.0.113.1
ok "... and keeps it" wait_until 5 in_file 203.0.113.1

# -- a full disk ------------------------------------------------------------------------------------
mark
dd if=/dev/zero of="$state/filler" bs=64k count=64 2>/dev/null
for i in {2..60}; do
	attack "203.0.113.$i"
done
all_acted() { [ "$(sort -u "$dir/noted" | grep -c ^apply)" -eq 60 ]; }
ok "full: it decides and acts all the same" wait_until 20 all_acted
ok "... the log says so" wait_until 10 told_since 'decisions.db: database or disk is full'
ok "... and status warns" wait_until 5 troubled 'full'
explains() { "$postern" explain --socket "$dir/run/control" 203.0.113.60 | grep -q brute-force; }
ok "... explain knows the decision" explains
ok "... and the engine is calm" is_calm engine 40
# While nothing of it is open for writing a file system can be made read-only.
ok "read-only: it is made so while the daemon runs" wait_until 30 mount -o remount,ro "$state"
mark
ok "... the log says so" wait_until 25 told_since 'decisions.db: '
attack 203.0.113.101
ok "... it acts all the same" wait_until 10 acted 203.0.113.101
ok "... and status warns" wait_until 5 troubled 'decisions.db'
mark
mount -o remount,rw,size=8m "$state"
ok "writable again, with room: it recovers" wait_until 30 well
ok "... and says so of each file" wait_until 30 eval 'told_since decisions.db && told_since windows.db'
ok "... what was decided on a full disk is kept" in_file 203.0.113.60
ok "... and on a read-only one" in_file 203.0.113.101
ok "killed and begun again" again
ok "... it knows the one" knows 203.0.113.60
ok "... and the other" knows 203.0.113.101
ok "... each once" counts 61

# -- read-only from the start -------------------------------------------------------------------------
kill_daemon
ok "read-only, once the last process that was killed has left" wait_until 30 mount -o remount,ro "$state"
mark
ok "it starts where it may not write" start_troubled
attack 203.0.113.102
ok "... decides and acts" wait_until 10 acted 203.0.113.102
ok "... says so" told_since 'decisions.db: '
ok "... and status warns" wait_until 5 troubled 'decisions.db'
mount -o remount,rw "$state"
ok "writable: it recovers" wait_until 30 well
ok "... and keeps what it decided" wait_until 5 in_file 203.0.113.102
ok "... beside what was kept before" counts 62
ok "... which can be ended" tool 0 unban 203.0.113.2
ok "... so that the action is told" wait_until 10 lifted 203.0.113.2

# -- locked -------------------------------------------------------------------------------------------
holds=() lockers=()
lock() { # MODE: another program locks both files, until unlock
	local file hold
	for file in decisions.db windows.db; do
		mkfifo "$dir/$file.pipe"
		sqlite3 "$kept/$file" <"$dir/$file.pipe" >"$dir/$file.locked" 2>&1 &
		lockers+=($!)
		exec {hold}>"$dir/$file.pipe"
		holds+=("$hold")
		printf '%s\n' '.timeout 5000' "PRAGMA locking_mode = $1;" 'BEGIN EXCLUSIVE;' "SELECT 'held';" >&"$hold"
		wait_until 8 grep -qx held "$dir/$file.locked" || return
	done
}
unlock() {
	local hold
	for hold in "${holds[@]}"; do
		echo .quit >&"$hold" # the daemon that was started meanwhile has the pipe open, too
		exec {hold}>&-
	done
	wait "${lockers[@]}"
	holds=() lockers=()
	rm -f "$dir/decisions.db.pipe" "$dir/windows.db.pipe"
}
lock NORMAL
ok "another program locks both files" [ ${#lockers[@]} -eq 2 ]
mark
attack 203.0.113.111
ok "locked: it acts all the same" wait_until 10 acted 203.0.113.111
ok "... says so of decisions.db" wait_until 10 told_since 'decisions.db: database is locked'
ok "... and of windows.db" wait_until 10 told_since 'windows.db: database is locked'
ok "... and status warns" wait_until 5 troubled 'locked'
ok "... nothing was kept yet" not in_file 203.0.113.111
unlock
ok "unlocked: it recovers" wait_until 30 well
ok "... and keeps what it decided" in_file 203.0.113.111

# Nobody else may even read: it begins without knowing what it decided, or which numbers it gave.
kill_daemon
lock EXCLUSIVE
mark
ok "it starts while both are locked" start_troubled
attack 203.0.113.112
ok "... decides and acts" wait_until 10 acted 203.0.113.112
ok "... says so" told_since 'decisions.db: database is locked'
ok "... and status warns" wait_until 5 troubled 'locked'
unlock
ok "unlocked: it recovers" wait_until 30 well
ok "... and keeps what it decided" wait_until 5 in_file 203.0.113.112
ok "... beside what was kept before" counts 64
ok "... which can be ended" wait_until 10 tool 0 unban 203.0.113.60
ok "... so that the action is told" wait_until 10 lifted 203.0.113.60

# -- rotten -------------------------------------------------------------------------------------------
rot() { # FILE OFFSET: some of it is overwritten while the daemon is away
	stop_daemon
	pid=
	sqlite3 "$kept/$1" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null # all of it into the file itself
	rm -f "$kept/$1-wal" "$kept/$1-shm"
	head -c 6000 /dev/urandom | dd of="$kept/$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
	cp "$kept/$1" "$dir/rotten"
	mark
}
is_aside() { # FILE: what was rotten is there under another name
	local file
	for file in "$kept/$1".corrupt-*; do
		cmp -s "$file" "$dir/rotten" && return
	done
	ls -l "$kept"
	return 1
}
n=120
for file in decisions.db windows.db; do
	for offset in 0 5000; do
		n=$((n + 1))
		rot $file $offset
		ok "$file is rotten from byte $offset: it starts" start_daemon
		ok "... says so" wait_until 10 told_since "set aside as $kept/$file.corrupt-"
		ok "... the rotten one is still there" is_aside $file
		attack 203.0.113.$n
		ok "... it decides and acts" wait_until 10 acted 203.0.113.$n
		ok "... keeps that" wait_until 15 in_file 203.0.113.$n
		ok "... and is well" wait_until 15 well
		ok "killed and begun again" again
		ok "... it knows" knows 203.0.113.$n
	done
done
ok "it ends well" stop_daemon
pid=
finish
