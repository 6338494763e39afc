# As far as compose.city.yml asks for it: a user with a password from a file, and a database of that name.
set -euo pipefail
bin=$(echo /usr/lib/postgresql/*/bin)
data=${PGDATA:-/var/lib/postgresql/data}
if [ ! -s "$data/PG_VERSION" ]; then
    install -d -o postgres -g postgres -m 700 "$data"
    install -o postgres -m 400 "$POSTGRES_PASSWORD_FILE" /tmp/password
    setpriv --reuid postgres --regid postgres --init-groups \
        "$bin/initdb" -D "$data" -U "$POSTGRES_USER" --pwfile /tmp/password --auth scram-sha-256 -E UTF8 >/dev/null
    rm /tmp/password
    echo "host all all all scram-sha-256" >> "$data/pg_hba.conf"
    first=1
fi
install -d -o postgres /var/run/postgresql
run=(setpriv --reuid postgres --regid postgres --init-groups "$bin/postgres" -D "$data")
if [ -n "${first:-}" ]; then
    echo "CREATE DATABASE \"$POSTGRES_DB\"" | "${run[@]:0:6}" "$bin/postgres" --single -D "$data" postgres >/dev/null
fi
exec "${run[@]}" -c listen_addresses='*'
