# shellcheck shell=bash
# shellcheck disable=SC2154 # common.bash sets repository
# What stack.bash and scripts/check-nginx share: nginx's site file for a directory and ports of their own, so that both run
# what is installed on a server. To be sourced, after common.bash.

# print_nginx_site DIRECTORY PORT PLAIN_PORT: the site file for 127.0.0.1. The certificate is DIRECTORY/tls.crt and tls.key, the
# workers' socket DIRECTORY/service.sock; the logs go there too. Without the servers for unknown hosts, as 127.0.0.1 is one.
print_nginx_site() {
  local name=runner-tokens.example.org
  sed \
    -e '/^include .*unknown_hosts\.conf;$/d' \
    -e '/listen \[::\]/d' \
    -e "s|listen 443 |listen 127.0.0.1:$2 |" \
    -e "s|listen 80;|listen 127.0.0.1:$3;|" \
    -e "s|server_name $name;|server_name 127.0.0.1;|" \
    -e "s|https://\$server_name|https://\$server_name:$2|" \
    -e "s|/etc/ssl/certs/$name.pem|$1/tls.crt|" \
    -e "s|/etc/ssl/private/$name.key|$1/tls.key|" \
    -e "s|/run/runner-token-service/fcgi.sock|$1/service.sock|" \
    -e "s|/var/log/nginx/runner-token-service\.|$1/nginx.|" \
    "$repository/nginx/runner-token-service.conf"
}

# print_nginx_paths: where nginx keeps bodies and answers while they are under way, for the http block.
print_nginx_paths() {
  local kind
  for kind in client_body fastcgi proxy scgi uwsgi; do echo "  ${kind}_temp_path $kind;"; done
}
