#!/bin/bash
# Stands for run.sh of actions/runner: its signals are those of the original. Notes what it was given in $RECORD, connects
# at the simulator ($CONTROL), and plays $PLOT.
cp "/proc/$$/environ" "$RECORD/run.environment"
# Including those of whoever started it.
cat /proc/[0-9]*/cmdline 2>/dev/null >"$RECORD/arguments"
printf '%s\n' "$@" >"$RECORD/run.arguments"

control() {
  curl -q -fsS -m 10 -H 'Content-Type: application/json' --data @- "$CONTROL$1" >>"$RECORD/control" 2>&1
}

if [[ -n ${ACTIONS_RUNNER_INPUT_JITCONFIG-} && $PLOT != alone ]]; then
  printf '{"encoded_jit_config":"%s"}' "$ACTIONS_RUNNER_INPUT_JITCONFIG" | control /runners/connect || exit 90
fi

# The original's listener, which ends on SIGINT.
listen() {
  trap 'echo SIGINT >"$RECORD/listener"; exit 3' INT
  echo started >"$RECORD/listener"
  while :; do sleep 0.1; done
}

case $PLOT in
  job)
    name=$(<"$RECORD/name")
    echo '{"status":"online"}' | control "/runners/$name/status" || exit 94
    echo '{"action":"start"}' | control "/runners/$name/job" || exit 91
    echo '{"action":"finish"}' | control "/runners/$name/job" || exit 92
    exit 7
    ;;
  alone) exit "${RUNNER_STATUS-7}" ;;
  idle)
    # Without RUNNER_MANUALLY_TRAP_SIG the original does not pass signals on.
    [[ -n ${RUNNER_MANUALLY_TRAP_SIG-} ]] || exit 93
    set -m
    trap 'kill -INT -$listener' INT TERM
    listen &
    listener=$!
    wait "$listener"
    wait "$listener"
    exit
    ;;
esac
