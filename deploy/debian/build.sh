#!/bin/sh
# Makes steadfast_VERSION_ARCH.deb of a built binary, with Debian's own tool alone:
#
#     deploy/debian/build.sh target/dist/steadfast target
set -eu
test $# = 2 || { echo "usage: $0 BINARY FOLDER" >&2; exit 2; }
binary=$(readlink -f "$1")
out=$(readlink -f "$2")
cd "$(dirname "$0")/../.."
version=$("$binary" --version | cut -d ' ' -f 2)
arch=$(dpkg --print-architecture)
# It runs where the C library is as new as here.
libc=$(ldd --version | sed -n '1s/.* //p')
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
umask 022
chmod 755 "$tree"

install -D -m 755 "$binary" "$tree/usr/bin/steadfast"
units="$tree/usr/lib/systemd/system"
install -d "$units" "$tree/usr/share/man/man1" "$tree/usr/share/doc/steadfast"
install -m 644 deploy/systemd/*.service deploy/systemd/*.socket "$units/"
install -D -m 644 deploy/systemd/sysusers.conf "$tree/usr/lib/sysusers.d/steadfast.conf"
install -D -m 640 deploy/debian/steadfast.toml "$tree/etc/steadfast/steadfast.toml"
"$binary" man --dir "$tree/usr/share/man/man1" >/dev/null
gzip -9 --no-name "$tree"/usr/share/man/man1/*
completions="$tree/usr/share/bash-completion/completions"
install -d "$completions"
"$binary" completions bash > "$completions/steadfast"
doc="$tree/usr/share/doc/steadfast"
cat LICENSE-MIT LICENSE-APACHE NOTICE > "$doc/copyright"
"$binary" config --example > "$doc/example.toml"
gzip -9 --no-name --stdout CHANGELOG.md > "$doc/changelog.gz"

install -d "$tree/DEBIAN"
install -m 755 deploy/debian/postinst deploy/debian/prerm deploy/debian/postrm "$tree/DEBIAN/"
echo /etc/steadfast/steadfast.toml > "$tree/DEBIAN/conffiles"
cat > "$tree/DEBIAN/control" <<END
Package: steadfast
Version: $version
Architecture: $arch
Maintainer: The Steadfast maintainers <maintainers@steadfast.invalid>
Section: net
Priority: optional
Installed-Size: $(du -sk "$tree/usr" | cut -f 1)
Depends: libc6 (>= $libc), libgcc-s1
Recommends: ca-certificates, systemd
Description: realtime server: every event once, in order, or a gap that is told
 Backends publish what a long job is doing; pages, phones and terminals follow
 it over WebSocket, event streams and polls, and resume after any outage.
END
dpkg-deb --root-owner-group --build "$tree" "$out/steadfast_${version}_$arch.deb" >/dev/null
echo "$out/steadfast_${version}_$arch.deb"
