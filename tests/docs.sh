#!/usr/bin/env bash
# docs.sh: what the pages promise is what the program takes, and the other way round.
set -u

postern=${POSTERN:-./postern}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

tell() { # STATUS NAME
	if [ "$1" -eq 0 ]; then
		echo "ok $2"
	else
		echo "not ok $2"
		failed=1
	fi
}

# The words on standard input that FILE lacks go to standard output; PREFIX stands before each.
lacking() { # FILE PREFIX
	local word found=0
	while read -r word; do
		grep -qwF -e "$2$word" "$1" || { echo "$1: nothing about $2$word" && found=1; }
	done
	return $found
}

for verb in scan events test check action status top explain history ban unban ignore reload resume; do
	"$postern" $verb --help | grep -oE -e '--[a-z]+' | sed 's/^--//' | sort -u >"$dir/options"
	lacking doc/postern.1 'Fl ' <"$dir/options"
	tell $? "postern.1 has the options of $verb"
	lacking packaging/postern.bash -- <"$dir/options"
	tell $? "completion has the options of $verb"
done

keys() { grep -ohE 'CONF_(TEXTS?|SPAN|COUNT|BOOL|CHECKED|CHECKED_LIST|SECTION)\("[a-z_]+"' "$1" |
	sed 's/.*"\(.*\)"/\1/' | sort -u; }
while read -r source page; do
	keys "$source" >"$dir/keys"
	[ -s "$dir/keys" ] && lacking "$page" '' <"$dir/keys"
	tell $? "$page has the keys of $source"
done <<'END'
core/cli/setup.c doc/postern.conf.5
core/cli/setup.c packaging/postern.conf
core/filter/filter.c doc/postern-filter.5
core/rule/jail.c doc/postern-jail.5
END

sed -n 's/^	{ "\([a-z_]*\)", "\(gauge\|counter\)",.*/\1/p' core/cli/metrics.c >"$dir/metrics"
[ -s "$dir/metrics" ] && lacking doc/metrics.md '' <"$dir/metrics"
tell $? "metrics.md has every metric"

# README's indented block that begins with WORD, as a file.
block() { sed -n "/^    $1 \"/,/^    }/s/^    //p" README.md; }
# The examples work, and a mistake in one is noticed, so that they are indeed read.
cp -r filters "$dir/filters" && block filter >"$dir/filters/zz-readme.conf"
cp -r jail.d "$dir/jails" && block jail >"$dir/jails/zz-readme.conf"
check() { "$postern" check --filters "$dir/filters" --jails "$dir/jails"; }
check >"$dir/out" 2>&1
[ $? -le 1 ] && grep -q ' myserver' "$dir/out" && ! grep 'myserver"' "$dir/out"
tell $? "README's jail and filter load, and the filter's example passes"
sed -i 's/logged in from/logged on from/' "$dir/filters/zz-readme.conf"
sed -i "s/example = { '\(.*\)logged on/example = { '\1logged in/" "$dir/filters/zz-readme.conf"
check 2>&1 | grep -q 'match "login": this example is not matched'
tell $? "a filter whose example fails is named"
sed -i 's/max = 3000/maxx = 3000/' "$dir/jails/zz-readme.conf"
check 2>&1 | grep -q 'zz-readme.conf:2: unknown key "maxx"; did you mean "max"?'
tell $? "a wrong key is named with its line"
sed 's/^# \(log\|home\|default_realm\|known_days\|ignore[a-z]*\) /\1 /
	s|, "file:/etc/postern/offices"||' packaging/postern.conf >"$dir/postern.conf"
"$postern" check -c "$dir/postern.conf" >"$dir/out" 2>&1
[ $? -le 1 ] && ! grep 'no home countries' "$dir/out"
tell $? "what postern.conf shows behind # is valid"

grep -q 'make run' README.md && grep -q 'make check' README.md
tell $? "README names both commands"

make -s help | sed -n 's/^  \([a-z-]*\) .*/\1/p' >"$dir/targets"
grep -ohE '(`|^    |sudo )make [a-z-]+' README.md CONTRIBUTING.md | sed 's/.* //' | sort -u >"$dir/named"
[ -s "$dir/named" ] && ! grep -vxF -f "$dir/targets" "$dir/named"
tell $? "make help has the targets that README and CONTRIBUTING name"
exit $failed
