# bash completion for postern(1)

_postern_options() {
	case $1 in
	scan) echo "-c --config --jails --filters --jail --user --since --until --tz --geoip --asn" \
		"--journal --top --threads --explain --json --quiet --help" ;;
	events) echo "-c --config --filters --tz --journal --help" ;;
	test) echo "-c --config --filters --json --all --quiet --help" ;;
	check) echo "-c --config --jails --filters --geoip --asn --quiet --help" ;;
	top) echo "--limit --rules --socket --json --help" ;;
	history) echo "--since --socket --json --help" ;;
	unban) echo "--forget --release --purge --socket --json --help" ;;
	action) echo "-c --config --plugins --state --option --user --address --queue-id --for" \
		"--id --release --json --help" ;;
	status | explain | ban | ignore | reload | resume) echo "--socket --json --help" ;;
	esac
}

# What may come behind the options of a verb, beside files and names; PREV is the word before.
_postern_words() { # VERB PREV
	case $1:$2 in
	ignore:ignore) echo "list add remove" ;;
	ban:for) echo "10m 1h 1d 1w ever" ;;
	ban:because | ban:ban) ;;
	ban:*) echo "for because" ;;
	esac
}

# DIR KIND: the names of sections of that kind in the files of DIR.
_postern_names() {
	sed -n "s/^[[:space:]]*$2[[:space:]]\{1,\}\"\([^\"]*\)\".*/\1/p" "$1"/*.conf 2>/dev/null | sort -u
}

_postern() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]}
	local conf=/etc/postern

	[ -d $conf ] || conf=/usr/local/etc/postern
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "scan events test check action status top explain \
			history ban unban ignore reload resume --help --version" -- "$cur")
		return
	fi
	case $prev in
	--jails | --filters) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
	--jail) mapfile -t COMPREPLY < <(compgen -W "$(_postern_names $conf/jail.d jail)" -- "$cur") ;;
	--tz)
		mapfile -t COMPREPLY < <(cd /usr/share/zoneinfo 2>/dev/null &&
			compgen -f -- "$cur" | grep -v '\.')
		;;
	--user | --since | --until | --top | --threads | --limit) ;;
	*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(_postern_options "$verb")" -- "$cur")
		elif [[ " scan events test action " == *" $verb "* || $prev == --* ]]; then
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		else
			mapfile -t COMPREPLY < <(compgen -W "$(_postern_words "$verb" "$prev")" -- "$cur")
		fi
		;;
	esac
}

complete -o filenames -F _postern postern
