# shellcheck shell=bash
# shellcheck disable=SC2154 # `repository` and `directory` are common.bash's
# The whole product in a temporary directory: nginx with TLS, two workers and the maintenance process, and the simulator of
# GitHub and of an OIDC provider. To be sourced after common.bash. Before `set_up`, `port` says where the service shall
# listen, `programs` where the programs are, and `unlimited=true` that nginx's limits are off; afterwards `base` is the
# service's URL, `github` the simulator's, and `$directory/tls.crt` the certificate to trust.

# shellcheck source-path=SCRIPTDIR source=nginx.bash
source "$repository/scripts/nginx.bash"

# The pages that show the API, where scripts/install-api-browser has put them.
api_browser=$repository/.build/api-browser

make_keys() {
  openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 \
    -out "$directory/github-app.pem" 2>/dev/null
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
    -subj /CN=127.0.0.1 -addext 'subjectAltName=IP:127.0.0.1,DNS:localhost' \
    -keyout "$directory/tls.key" -out "$directory/tls.crt" 2>/dev/null
}

write_service_environment() {
  cat >"$directory/service.env" <<END
GITHUB_APP_ID=12345
GITHUB_APP_INSTALLATION_ID=67890
GITHUB_APP_PRIVATE_KEY_PATH=$directory/github-app.pem
GITHUB_ORG=demo-org
GITHUB_API_URL=$github/api/v3
GITHUB_WEBHOOK_SECRET=$webhook_secret
OIDC_ISSUER=$github/oidc
OIDC_AUDIENCE=runner-token-service
ADMIN_IDENTITIES=root@example.com
DEFAULT_LABEL_POLICY=allow
SYNC_INTERVAL_SECONDS=10
DATABASE_URL=sqlite:///$directory/runner_service.db
AUDIT_LOG_PATH=$directory/audit.jsonl
END
}

# The service's own site; around it, what nginx needs to run for anybody and anywhere.
write_nginx_configuration() {
  mkdir "$directory/runner-token-service" "$directory/share"
  cp -- "$repository"/nginx/*.conf "$directory/runner-token-service"
  sed -i "s|/usr/share/runner-token-service;|$directory/share;|" \
    "$directory/runner-token-service/runner-token-service.locations.conf"
  # Where there are none, nginx says so.
  ln -s "$api_browser" "$directory/share/docs"
  print_nginx_site "$directory" "$port" "$(free_port)" >"$directory/site.conf"
  if [[ ${unlimited-} == true ]]; then
    # Whoever tries thousands of requests would otherwise get to know nginx's limits.
    sed -i 's|^  #192\.0\.2\.64/26 0;$|  127.0.0.1 0;|' "$directory/site.conf"
    grep -qF '  127.0.0.1 0;' "$directory/site.conf" || fail "the site file has no place for addresses without limits"
  fi
  {
    # Its workers must get at sockets that only this user may use.
    if ((EUID == 0)); then echo 'user root;'; fi
    cat <<END
daemon off;
pid nginx.pid;
error_log nginx.log;
events {}
http {
$(print_nginx_paths)
  access_log off;
  include site.conf;

  upstream github_simulator { server unix:$directory/simulator.sock; }
  server {
    listen 127.0.0.1:$github_port;
    location / {
      include runner-token-service/fastcgi_params.conf;
      fastcgi_pass github_simulator;
    }
  }
}
END
  } >"$directory/nginx.conf"
}

# Without this shell's environment, which may well have a GITHUB_API_URL or an http_proxy of its own.
run_service() {
  exec env -i PATH="$PATH" LD_LIBRARY_PATH="${LD_LIBRARY_PATH-}" \
    "$programs/runner-token-service" "$@" --env-file "$directory/service.env"
}

# Runs two workers on the socket that is its standard input, until one of them ends.
run_workers() {
  # SIGTERM goes to the workers too. Stay until they have ended, or they are left to init.
  trap : TERM
  exec 3<&0 </dev/null
  run_service worker <&3 3<&- &
  run_service worker <&3 3<&- &
  wait -n || true
  jobs -p | xargs -r kill 2>/dev/null || true
  while [[ -n $(jobs -pr) ]]; do wait || true; done
}

start_processes() {
  start "$programs/github-simulator" --listen "$directory/simulator.sock" --base-url "$github" \
    --organization demo-org --app-id 12345 --installation-id 67890 \
    --app-key "$directory/github-app.pem" >>"$directory/simulator.log" 2>&1
  # In the foreground of a shell of ours: on its own, spawn-fcgi leaves the workers to init and their log to /dev/null.
  export -f run_service run_workers
  export programs directory
  start spawn-fcgi -n -s "$directory/service.sock" -M 0600 -- "$BASH" -c run_workers \
    >>"$directory/workers.log" 2>&1
  start nginx -p "$directory" -c "$directory/nginx.conf" >>"$directory/nginx.log" 2>&1
  start "$BASH" -c 'run_service maintain' >>"$directory/maintenance.log" 2>&1
}

show_logs_and_fail() {
  local log
  for log in "$directory"/*.log; do
    printf '\n%s%s%s\n' "$bold" "${log##*/}" "$plain"
    tail -n 20 "$log"
  done >&2
  fail "$@"
}

# wait_for URL CURL-OPTION...: until it answers 200.
wait_for() {
  local deadline=$((SECONDS + 60))
  until [[ $(curl -q -s -o /dev/null -w '%{http_code}' -m 10 "$@") == 200 ]]; do
    if (($(jobs -pr | wc -l) < 4)); then show_logs_and_fail 'a process ended as soon as it was started'; fi
    if ((SECONDS > deadline)); then show_logs_and_fail "no answer 200 within a minute from $*"; fi
    sleep 0.2
  done
}

set_up() {
  make_directory
  webhook_secret=$(openssl rand -hex 32)
  base=https://127.0.0.1:$port
  github_port=$(free_port)
  github=http://127.0.0.1:$github_port
  umask 077
  # No proxy of this shell's has a way to it.
  export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1
  make_keys
  write_service_environment
  write_nginx_configuration
  (run_service init-db) >"$directory/init-db.log" 2>&1 \
    || show_logs_and_fail 'the database could not be made'
  start_processes
  # A negative answer about readiness is kept for a few seconds, so first of all its conditions.
  wait_for "$github/oidc/.well-known/openid-configuration"
  wait_for --cacert "$directory/tls.crt" "$base/health/ready"
}

# token_for NAME: a token of the simulated identity provider.
token_for() {
  curl -q -fsS -m 10 -H 'Content-Type: application/json' \
    -d "{\"claims\":{\"sub\":\"$1\",\"email\":\"$1@example.com\",\"email_verified\":true},\"lifetime\":3600}" \
    "$github/oidc/token" | jq -r .access_token
}
