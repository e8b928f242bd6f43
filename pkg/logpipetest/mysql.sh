#!/bin/bash
# Puts MySQL into a folder, where the packages of this Debian are MariaDB's alone: from Debian's
# unstable packages, with all that they need, beside what is installed. Nothing is installed, and
# nothing outside of the folder is changed. The program is FOLDER/mysqld then.
set -euo pipefail
[ $# = 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
mysqld=$folder/mysqld

if [ ! -x "$mysqld" ]; then
	mkdir -p "$folder"/{apt/lists/partial,apt/cache/archives/partial,root}
	mirror=$(apt-get indextargets --format '$(SITE)' 'Identifier: Packages' 'Origin: Debian' | sed -n 1p)
	[ -n "$mirror" ] || { echo "$0: apt knows no packages here: apt-get update" >&2; exit 1; }
	keys=/usr/share/keyrings/debian-archive-keyring.gpg
	echo "deb [signed-by=$keys] $mirror sid main" > "$folder/apt/sources.list"
	: > "$folder/apt/status"
	cat > "$folder/apt/apt.conf" <<-END
		Dir::State "$folder/apt"; Dir::State::status "$folder/apt/status"; Dir::Cache "$folder/apt/cache";
		Dir::Etc::sourcelist "$folder/apt/sources.list"; Dir::Etc::sourceparts "-";
		Acquire::Languages "none"; APT::Install-Recommends "false"; APT::Sandbox::User "root";
	END
	export APT_CONFIG=$folder/apt/apt.conf
	{ apt-get -q update; apt-get -q install --yes --download-only mysql-server-core; } >&2
	for package in "$folder"/apt/cache/archives/*.deb; do dpkg-deb --extract "$package" "$folder/root"; done
	libraries=$(dirname "$(find "$folder/root/usr/lib" -name libc.so.6 | sed -n 1p)")
	loader=$(find "$folder"/root/usr/lib* -name 'ld-linux-*.so.*' | sed -n 1p)
	cat > "$mysqld.new" <<-END
		#!/bin/sh
		exec "$loader" --library-path "$libraries" "$folder/root/usr/sbin/mysqld" "\$@" --basedir="$folder/root/usr"
	END
	chmod +x "$mysqld.new"
	mv "$mysqld.new" "$mysqld"
	rm -r "$folder/apt"
fi
"$mysqld" --version
