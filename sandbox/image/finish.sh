#!/bin/sh
# Runs as root inside the new root file system, after the packages are in, on both build routes.
# What it leaves is what every container starts from.
set -eu

groupadd --gid 1000 agent
useradd --uid 1000 --gid 1000 --home-dir /home/agent --create-home --shell /bin/bash agent
chmod 0755 /home/agent
groupadd --gid 65000 ops
useradd --uid 65000 --gid 65000 --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin ops
install -d -m 0755 /work
ln -s nano-tiny /usr/bin/nano

# Python starts from its compiled library; a container may have nowhere to write one.
python3 -m compileall -q -j 0 /usr/lib/python3*

# What nobody reads inside a container, and what would make each /seed copy larger.
apt-get clean
rm -rf /var/lib/apt/lists/* /var/lib/dpkg/info /var/lib/dpkg/*-old /var/cache/* /var/log/* /tmp/* /var/tmp/*
rm -rf /usr/share/doc /usr/share/man /usr/share/info /usr/share/lintian /usr/share/groff /usr/share/bug
find /usr/share/locale -mindepth 1 -maxdepth 1 ! -name 'C*' -exec rm -rf {} +
rm -f /etc/passwd- /etc/shadow- /etc/group- /etc/gshadow- /etc/subuid- /etc/subgid-

# Facts of the machine that built the image stay outside it.
: > /etc/machine-id
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/dpkg/dpkg.cfg.d/*

# no_new_privs makes these bits useless at run time; without them nothing tempts anybody to try.
find / -xdev -perm /6000 \( -type f -o -type d \) -exec chmod a-s {} +

# Our first process fills size-limited file systems from here in the rootful profile.
install -d -m 0755 /seed /seed/usr
cp -a /etc /var /root /home /seed/
cp -a /usr/local /seed/usr/
# Of the build itself: the engine mounts its own, and mmdebstrap removes the last one from /etc only.
for name in resolv.conf hostname hosts; do
    rm -f "/seed/etc/$name"
    : > "/seed/etc/$name"
done
rm -f /seed/etc/apt/apt.conf.d/*mmdebstrap
