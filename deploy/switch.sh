#!/bin/bash
# Let a role run another version that is already installed beside the present one, and go back by itself if it does not
# serve. Nothing that a person was thanked for is lost: the role settles what it has in hand, stops, and the next version
# opens the same store.
#
#   switch.sh ROLE FOLDER [SECONDS]     ROLE: edge, gateway or cloud; FOLDER: /opt/manyi-1.2.3
#
# /opt/manyi is a link to the version in use. The new one has served once systemd has heard so (Type=notify) and it has
# then run for SECONDS (30) without being begun anew. Ends with 0 where it serves, 1 after going back, 2 where nothing
# was done.
set -euo pipefail

say() { echo "switch: $*" >&2; }

if [ $# -lt 2 ]; then
    say "usage: switch.sh ROLE FOLDER [SECONDS]"
    exit 2
fi
role=$1 folder=${2%/} seconds=${3:-30}
unit=manyi-$role link=/opt/manyi

if [ ! -L "$link" ]; then
    say "$link is no link to a version: see deploy/README.md, and nothing was done"
    exit 2
fi
before=$(readlink "$link")
if [ "$folder" = "$before" ]; then
    say "$folder is in use already; nothing was done"
    exit 2
fi
# It must at least start before anything is stopped for it.
if ! version=$("$folder/bin/manyi" "$role" --version); then
    say "$folder/bin/manyi does not start; nothing was done"
    exit 2
fi

point() { # in one step: there is never no version
    ln --symbolic --force --no-dereference "$1" "$link.next"
    mv --no-target-directory "$link.next" "$link"
    sync "$(dirname "$link")"
}

serves() {
    systemctl reset-failed "$unit" 2>/dev/null || true
    systemctl restart "$unit" || return 1
    local begun left
    begun=$(systemctl show --value --property=NRestarts "$unit")
    for ((left = seconds; left > 0; left--)); do
        sleep 1
        systemctl --quiet is-active "$unit" || return 1
        [ "$(systemctl show --value --property=NRestarts "$unit")" = "$begun" ] || return 1
    done
}

point "$folder"
if serves; then
    say "$unit runs $version from $folder; $before is still there"
    exit 0
fi
say "$unit did not serve from $folder ($version); going back to $before"
systemctl stop "$unit" || true
point "$before"
if serves; then
    say "$unit runs from $before again"
else
    say "$unit does not serve from $before either: journalctl -u $unit"
fi
exit 1
