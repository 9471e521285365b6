#!/bin/sh
# Remove all services of the benchmark whose names begin with $1, and what the tools and the module leave of them.
set -u
prefix=${1:?prefix of the services}
export DEBIAN_FRONTEND=noninteractive
units=$(cd /etc/systemd/system && ls -d "$prefix"* 2>/dev/null | grep -v '@\|\.d$')
running=$(systemctl list-units --all --plain --no-legend "$prefix*" | cut -d ' ' -f 1)
# shellcheck disable=SC2086 # lists of words
[ -z "$units$running" ] || systemctl disable --quiet --now $units $running 2>/dev/null
rm -rf /etc/systemd/system/"$prefix"* /etc/systemd/system/*.wants/"$prefix"*
systemctl daemon-reload
systemctl reset-failed "$prefix*" 2>/dev/null
packages=$(dpkg-query --show --showformat '${Package}\n' "$prefix*" 2>/dev/null)
# shellcheck disable=SC2086
[ -z "$packages" ] || dpkg --purge --force-all $packages >/dev/null
rm -rf /etc/"$prefix"* /etc/logrotate.d/"$prefix"* /var/log/"$prefix"* /var/lib/"$prefix"* \
  /opt/venvs/"$prefix"* /opt/releases/"$prefix"*
for name in $(cut -d : -f 1 /etc/passwd | grep "^$prefix"); do userdel "$name"; done
for name in $(cut -d : -f 1 /etc/group | grep "^$prefix"); do groupdel "$name"; done
# What is left is said, and is an error.
left=$(grep -h "^$prefix" /etc/passwd; dpkg-query --show "$prefix*" 2>/dev/null; ls -d /etc/"$prefix"* 2>/dev/null)
[ -z "$left" ] || { echo "clean: left: $left" >&2; exit 1; }
