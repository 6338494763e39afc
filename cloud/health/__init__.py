"""How the devices and the city itself are: statuses of gateways and nodes, /health and /metrics."""
