FROM manyi-servers
RUN useradd --system --uid 1883 eclipse
CMD ["mosquitto", "-c", "/mosquitto/config/mosquitto.conf"]
