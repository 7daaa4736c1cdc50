# bash completion for postern(1)

_postern_options() {
	case $1 in
	scan) echo "-c --config --jails --filters --jail --user --since --until --tz --geoip --asn" \
		"--journal --top --threads --explain --json --quiet --help" ;;
	events) echo "-c --config --filters --tz --journal --help" ;;
	test) echo "-c --config --filters --json --all --quiet --help" ;;
	check) echo "-c --config --jails --filters --geoip --asn --quiet --help" ;;
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
		mapfile -t COMPREPLY < <(compgen -W "scan events test check --help --version" -- "$cur")
		return
	fi
	case $prev in
	--jails | --filters) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
	--jail) mapfile -t COMPREPLY < <(compgen -W "$(_postern_names $conf/jail.d jail)" -- "$cur") ;;
	--tz)
		mapfile -t COMPREPLY < <(cd /usr/share/zoneinfo 2>/dev/null &&
			compgen -f -- "$cur" | grep -v '\.')
		;;
	--user | --since | --until | --top | --threads) ;;
	*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(_postern_options "$verb")" -- "$cur")
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		fi
		;;
	esac
}

complete -o filenames -F _postern postern
