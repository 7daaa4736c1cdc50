#!/usr/bin/env bash
# plugin.bash: one plugin against a real server, by `postern action`; sourced after world.bash.
# shellcheck disable=SC2154 # the variables are world.bash's

plugins=build/plain/actions
[ "$postern" = ./postern ] || plugins=$(dirname "$postern")/actions
mkdir -p "$here/state"

# With those of root's rights that are in RIGHTS ("chown,kill") and no way to others, as an actuator.
cat >"$here/actuator" <<-'EOF_SH'
	#!/bin/sh
	some=-all${RIGHTS:+,+$(echo "$RIGHTS" | sed 's/,/,+/g')}
	exec setpriv --no-new-privs --inh-caps "$some" --bounding-set "$some" "$PROGRAM" "$@"
EOF_SH
chmod 755 "$here/actuator"
export PROGRAM=$postern

# "apply" or "lift" and the like of plugin $plugin, with the options in the array $settings and the
# rights $rights, which are those that it names. What it says goes to $dir/out and $dir/err.
act() { # STATUS VERB ARGUMENT...
	local status=$1 verb=$2 setting words=()
	shift 2
	for setting in "${settings[@]}"; do
		words+=(--option "$setting")
	done
	export RIGHTS=$rights
	postern=$here/actuator run "$status" action "$plugin" "$verb" \
		--plugins "$plugins" --state "$here/state/$plugin" "${words[@]}" "$@"
}
said() { # TEXT: the last one said it
	grep -qF -- "$1" "$dir/out" "$dir/err" && return
	cat "$dir/out" "$dir/err"
	return 1
}

# The block of a page in doc/ that begins with ```LABEL; a further one with NUMBER.
from_page() { # PAGE LABEL [NUMBER]
	awk -v label="\`\`\`$2" -v wanted="${3:-1}" '
		$0 == "```" { inside = 0 }
		inside { print }
		$0 == label && ++n == wanted { inside = 1 }' "doc/$1.md"
}

# A session that stays open, as descriptor 5. Of an answer the last line is printed.
smtp_open() { # USER
	exec 5<>/dev/tcp/192.0.2.25/587 && smtp_answer && smtp 'EHLO client.example.com' &&
		smtp "AUTH PLAIN $(printf '\0%s\0secret' "$1" | base64)"
}
smtp() { # COMMAND
	printf '%s\r\n' "$1" >&5 && smtp_answer
}
smtp_answer() {
	local line
	while IFS= read -r -t 20 line <&5; do
		line=${line%$'\r'}
		[[ $line == ???-* ]] || break
	done
	echo "$line"
	[[ $line == [23]* ]]
}
smtp_message() { # SENDER RECIPIENT
	smtp "MAIL FROM:<$1>" && smtp "RCPT TO:<$2>" && smtp DATA &&
		smtp $'Subject: hello\r\n\r\nHello.\r\n.'
}
