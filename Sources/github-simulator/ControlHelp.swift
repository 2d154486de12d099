/// The part of `--help` that tells what a web server has to pass on, and how to move the simulated
/// world. Lines are at most 78 characters, so that none is broken on a terminal of 80.
enum ControlHelp {
  static let text = """
    Put a web server before the socket that speaks FastCGI and passes on REQUEST_METHOD, \
    REQUEST_URI and CONTENT_LENGTH. Nothing is stored, and what is handed out opens nothing \
    anywhere else. Never let strangers reach it: whoever asks gets a token.

    GITHUB, under {base-url}/api/v3, as GitHub Enterprise Server has it

    With the App's JWT:
      GET    /app
      GET    /app/installations/{id}
      POST   /app/installations/{id}/access_tokens
      GET    /orgs/{org}/installation
      GET    /app/hook/deliveries?status=&per_page=&cursor=
      POST   /app/hook/deliveries/{id}/attempts
    With an installation token, under /orgs/{org} or /organizations/{number}:
      POST   /actions/runners/registration-token
      POST   /actions/runners/remove-token
      POST   /actions/runners/generate-jitconfig
      GET    /actions/runners?name=&per_page=&page=
      GET    /actions/runners/{id}
      DELETE /actions/runners/{id}
      GET    /actions/runner-groups
    With or without one:
      GET    /rate_limit

    IDENTITY PROVIDER, with the issuer {base-url}/oidc

      GET    /.well-known/openid-configuration
      GET    /jwks
      POST   /token  {"claims": {}, "lifetime": 300, "algorithm": "RS256",
                      "kid": "…", "typ": "JWT"}
             All optional. A claim, kid or typ that is null is left out.

    CONTROL, under {base-url}/control

    On the runners' machines:
      POST   /runners/register  {"token", "name", "labels": [],
                      "ephemeral": false, "group": "Default",
                      "replace": false, "no_default_labels": false}
             As config.sh does.
      POST   /runners/connect  {"encoded_jit_config"}
             As run.sh --jitconfig does.
      POST   /runners/many  {"count", "prefix": "many", "labels": []}
             Online runners named {prefix}-00001 and so on, from nobody's token.
      POST   /runners/{name}/status  {"status": "online" or "offline"}
      POST   /runners/{name}/job  {"action": "start" or "finish"}
             An ephemeral runner is gone when its job has finished.
    At GitHub:
      DELETE /runners/{name}
             Somebody else removes the runner, busy or not.
      POST   /runner-groups  {"id", "name"}
             Group 1 is there from the start; 2 is GitHub's own and forbidden.
      POST   /rate-limit  {"remaining", "reset_in": 60}
      POST   /installation  {"suspended": true or false}
      POST   /tokens/revoke
             Makes every installation token invalid.
    Webhooks, which are made here and sent by you:
      POST   /webhooks  {"secret", "event", "action", "status_code": 200,
                      "runner": name, "job": 1, "payload": {}}
             Makes a delivery, and notes it as answered with the status. The
             answer has its "body", "signature", "delivery" and "event".
             A runner gives it a job; the payload's members are added.
      POST   /webhooks/redelivered  {"delivery", "status_code"}
             It was sent again, and answered with the status.
      GET    /webhooks
             Every attempt, with what GitHub was asked to deliver again.
    At the identity provider:
      POST   /keys/rotate  {"keep_old": true}
    Faults, at GitHub and the identity provider:
      POST   /faults  {"path_contains", "method": any, "count": 1,
                      "status": none, "body": "…", "content_type": "…",
                      "headers": {}, "delay_ms": 0, "after": false}
             The next requests that fit are delayed, and answered so if a
             status is given. With "after", what was asked is done first, and
             only the answer is late or lost.
      DELETE /faults
    Looking on:
      GET    /state
             Runners, and counts of what was issued and asked for.
      GET    /issued
             The SHA-256 of each registration token and JIT config.
      POST   /reset
             All as at the start; the identity provider's keys stay.

    SIGTERM and SIGINT end the simulator once the requests in flight are answered.
    """
}
