#!/bin/bash
# What lxc-create runs for a box: no file system is unpacked, the container's root is an overlay on the lab's base.
set -eu

base={{ base }}
options=$(getopt -o h -l 'tarball:,config:,oldconfig,name:,path:,rootfs:,mapped-uid:,mapped-gid:,strip-components:' -- "$@")
eval set -- "$options"
config='' name='' path=''
while true; do
  case "$1" in
    --config) config=$2; shift 2 ;;
    --name) name=$2; shift 2 ;;
    --path) path=$2; shift 2 ;;
    --oldconfig) shift ;;
    --) break ;;
    *) shift 2 ;;
  esac
done

delta=$path/delta0
home=$(stat -c '%u:%g' "$base/home/vagrant")
mkdir -p "$delta/home/vagrant/.ssh" "$delta/etc"
chmod 0755 "$delta" "$delta/etc" "$delta/home"
chmod 0700 "$delta/home/vagrant" "$delta/home/vagrant/.ssh"
printf '%s\n' '{{ authorized_key }}' >"$delta/home/vagrant/.ssh/authorized_keys"
chown -R "$home" "$delta/home/vagrant"
printf 'nameserver %s\n' '{{ gateway }}' >"$delta/etc/resolv.conf"

sed -i '/^lxc\.rootfs/d; /^lxc\.net\.0\./d' "$path/config"
{
  printf 'lxc.rootfs.path = overlay:%s:%s\n' "$base" "$delta"
  printf 'lxc.uts.name = %s\n' "$name"
  [ -z "$config" ] || cat "$config"
} >>"$path/config"
