FROM manyi-servers
COPY postgres.sh /entrypoint.sh
ENTRYPOINT ["/bin/bash", "/entrypoint.sh"]
