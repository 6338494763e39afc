#!/bin/bash
# A machine with a systemd of its own, in namespaces that are gone with it: run by tests/deploy/booted.py as
#   unshare --mount --pid --fork --kill-child --mount-proc --uts --ipc --cgroup --net bash boot.sh PROJECT PYTHON SITE
# Files of this machine are seen, but /etc, /media, /opt, /run and /var/lib are written to memory. Only our units are known:
# none of this machine's is started. Its network is its own loopback.
set -euo pipefail
project=$1 python=$2 site=$3

mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/etc/upper /run/etc/work
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work /etc
mount -t tmpfs tmpfs /opt
mount -t tmpfs tmpfs /var/lib
mount -t tmpfs tmpfs /media
mkdir -p /opt/project /opt/site /opt/manyi/bin /opt/units
# Units see neither /tmp nor a home, where a checkout often is.
mount --bind "$project" /opt/project
mount --bind "$site" /opt/site
cat >/opt/manyi/bin/manyi <<PROGRAM
#!$python
import sys

sys.path[:0] = ["/opt/project", "/opt/site"]
from cli.main import main

sys.exit(main())
PROGRAM
chmod 0755 /opt/manyi/bin/manyi

# As deploy/README.md has it.
getent group gpio >/dev/null || groupadd --system gpio
install -D -m 0644 /opt/project/deploy/sysusers.conf /etc/sysusers.d/manyi.conf
systemd-sysusers /etc/sysusers.d/manyi.conf
install -d -m 0755 /etc/manyi
for role in edge gateway cloud; do
    install -d -m 0700 -o manyi -g manyi /var/lib/manyi "/var/lib/manyi/$role"
    install -m 0644 "/opt/project/deploy/manyi-$role.service" /opt/units/
    install -d "/opt/units/manyi-$role.service.d"
    # There is no journal here.
    printf '[Service]\nStandardOutput=append:/run/%s.log\nStandardError=append:/run/%s.log\n' "$role" "$role" \
        >"/opt/units/manyi-$role.service.d/log.conf"
done
install -m 0644 /opt/project/deploy/manyi-broker@.service /opt/units/
for target in all sysinit basic shutdown umount network network-online local-fs local-fs-pre swap multi-user; do
    printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' "$target" >"/opt/units/$target.target"
done

export SYSTEMD_UNIT_PATH=/opt/units container=manyi
exec /lib/systemd/systemd --system --unit=all.target --show-status=false --log-target=null
