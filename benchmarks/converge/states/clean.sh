#!/bin/sh
# Remove all services of the benchmark whose names begin with $1, and what the tools and the module leave of them.
set -u
prefix=${1:?prefix of the services}

units=$(systemctl list-units --all --plain --no-legend "$prefix*" | cut -d ' ' -f 1)
# shellcheck disable=SC2086 # a list of words
[ -z "$units" ] || systemctl stop $units
rm -rf /etc/systemd/system/"${prefix:?}"* /etc/systemd/system/*.wants/"${prefix:?}"* /run/systemd/system/"${prefix:?}"*
systemctl daemon-reload
systemctl reset-failed "$prefix*" 2>/dev/null

packages=$(dpkg-query --show --showformat '${Package}\n' "$prefix*" 2>/dev/null)
# shellcheck disable=SC2086
[ -z "$packages" ] || dpkg --purge --force-all $packages >/dev/null
for directory in /etc /etc/logrotate.d /var/log /var/lib /opt/venvs /opt/releases /run/flask-microservice; do
  rm -rf "$directory"/"${prefix:?}"*
done
cut -d : -f 1 /etc/passwd | grep "^$prefix" | while read -r name; do userdel "$name"; done
cut -d : -f 1 /etc/group | grep "^$prefix" | while read -r name; do groupdel "$name"; done

# What is left is said, and is an error.
left=$(grep -h "^$prefix" /etc/passwd /etc/group; dpkg-query --show "$prefix*" 2>/dev/null
  find /etc /etc/systemd /var/lib /var/log /opt /run -maxdepth 2 -name "$prefix*")
[ -z "$left" ] || { echo "clean: left: $left" >&2; exit 1; }
