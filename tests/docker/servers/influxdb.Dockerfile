FROM manyi-servers
COPY influxdb.conf influxdb.nginx influxdb.sh /
ENTRYPOINT ["/bin/bash", "/influxdb.sh"]
