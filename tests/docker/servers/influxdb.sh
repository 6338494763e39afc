# What compose.city.yml asks of InfluxDB 1.8, with Debian's 1.6 behind an nginx that gives it the writing address of
# version 2: nobody comes in without a user.
set -euo pipefail
mkdir -p /var/lib/influxdb/shim
influxd -config /influxdb.conf &
until curl -sf http://127.0.0.1:8087/ping; do sleep 0.1; done
exec nginx -p /var/lib/influxdb/shim -e stderr -c /influxdb.nginx
