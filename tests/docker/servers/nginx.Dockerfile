FROM manyi-servers
RUN useradd --system --uid 101 --no-create-home web 2>/dev/null || true
COPY nginx.conf /etc/nginx/nginx.conf
CMD ["nginx", "-g", "daemon off;"]
