# frozen_string_literal: true

# What the provider of microservices' packages says of packages that apt can't install, one a line as JSON: of one that lacks its
# dependencies, one whose script fails, one for which there is no room, and one that is gone from its repository.
require 'json'
$LOAD_PATH.unshift('/module/lib')
require 'puppet'

PACKAGES = <<~SH
  make() {
      mkdir -p "/made/$1/DEBIAN" "/made/$1/opt/venvs/$1" /repository
      printf 'Package: %s\\nVersion: 1.0-1\\nArchitecture: all\\nMaintainer: x <x@example.test>\\nDescription: x\\n%s' "$1" "$2" \\
          > "/made/$1/DEBIAN/control"
  }
  make dependent 'Depends: libnosuch (>= 99), nosuch
  '
  make script ''
  printf '#!/bin/sh\\necho no way >&2\\nexit 3\\n' > /made/script/DEBIAN/postinst && chmod 755 /made/script/DEBIAN/postinst
  make large '' && head -c 3000000 /dev/urandom > /made/large/opt/venvs/large/data
  make gone ''
  cd /repository
  for name in dependent script large gone; do
      dpkg-deb -Znone -b "/made/$name" . >&2
      file=${name}_1.0-1_all.deb
      dpkg-deb --field "$file"
      printf 'Filename: ./%s\\nSize: %s\\nSHA256: %s\\n\\n' "$file" "$(stat -c %s "$file")" "$(sha256sum "$file" | cut -d ' ' -f 1)"
  done > Packages
  rm gone_1.0-1_all.deb
  echo 'deb [trusted=yes] file:/repository ./' > /etc/apt/sources.list.d/made.list
  apt-get update -qq -o Dir::Etc::sourcelist=/etc/apt/sources.list.d/made.list -o Dir::Etc::sourceparts=- \\
      -o APT::Get::List-Cleanup=0
  mkdir -p /opt/venvs && mount -t tmpfs -o size=1m small /opt/venvs
SH

raise 'the packages could not be made' unless system('sh', '-e', '-c', PACKAGES, out: :err)

%w[dependent script large gone].each do |name|
  Puppet::Type.type(:package).new(name: name, ensure: '1.0-1', provider: :flask_microservice).provider.install
  puts JSON.generate(name => 'installed')
rescue Puppet::Error => error
  puts JSON.generate(name => error.message)
end
