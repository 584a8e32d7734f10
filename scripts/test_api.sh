#!/usr/bin/env bash
# Black-box acceptance run against a running instance, whatever it stands on:
#   scripts/test_api.sh [URL] [--key KEY] [--burst N] [--base-url URL] [--failing-url URL]
# URL: http://127.0.0.1:8000 unless told. --key (or API_KEY): a key of the scope admin, where the instance asks for one. --burst: concurrent
# submissions (60). --base-url: how the instance's workers reach it, for the payload that calls it. --failing-url: a place that refuses
# connections, for the circuit. It submits workflows of its own and reads nobody else's. Exit code: 0 where every check passed, 1 where one
# failed, 2 where the command is wrong or nothing answers.
set -uo pipefail
usage() {
  sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
  exit 2
}
BASE=http://127.0.0.1:8000 BURST=${BURST:-60} API_KEY=${API_KEY-} CALLBACK_BASE=${CALLBACK_BASE-} FAILING_URL=http://127.0.0.1:1/
while [ $# -gt 0 ]; do
  case $1 in
    http://* | https://*) BASE=${1%/} && shift ;;
    --key | --burst | --base-url | --failing-url)
      [ $# -ge 2 ] || usage
      case $1 in --key) API_KEY=$2 ;; --burst) BURST=$2 ;; --base-url) CALLBACK_BASE=${2%/} ;; *) FAILING_URL=$2 ;; esac
      shift 2
      ;;
    *) usage ;;
  esac
done
RUN=api-check-$$-$(date +%s)
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
. scripts/black-box.sh

NOBODY=01890000-0000-7000-8000-000000000000
nodes() { printf '{"name":"%s","dag":{"nodes":[%s]}}' "$RUN" "$1"; }
started() { printf '{"name":"%s","trigger":true,"dag":{"nodes":[%s]}}' "$RUN" "$1"; }

# refused NAME STATUS CODE BODY: a submission that is not taken.
refused() {
  submit "$4"
  check "$1: $2 $3" answers "$2" "\"error_code\":\"$3\""
}

check_service() {
  section 'Service'
  call GET /health
  check 'health answers 200 and healthy' answers 200 '"status":"healthy"'
  check 'health names mode and durability' matches "$BODY" '"mode":"[a-z]+".*"durability":"[^"]+"'
  check 'health names version and dependencies' matches "$BODY" '"version":"[0-9]+\.[0-9]+.*"dependencies":\{"[a-z]+":"healthy"'
  call GET /livez
  check 'livez answers 200' status_is 200
  call GET /readyz
  check 'readyz answers 200' status_is 200
}

check_access() {
  [ -n "$API_KEY" ] || return 0
  section 'Access'
  API_KEY='' call GET /api/v1/workflow
  check 'without a key: 401' answers 401 '"error_code":"UNAUTHENTICATED"'
  API_KEY='' call GET /health
  check 'health asks for none' status_is 200
  API_KEY=not-the-key call GET /api/v1/workflow
  check 'a wrong key: 401' answers 401 '"error_code":"UNAUTHENTICATED"'
  API_KEY='' call GET '/api/v1/workflow?limit=1' '' --header "X-API-Key: $API_KEY"
  check 'the key is taken from X-API-Key too' status_is 200
}

check_documents() {
  section 'Documents'
  call GET /docs
  check 'docs answer a page' answers 200 'swagger-ui'
  check 'that loads nothing from elsewhere' header_matches content-security-policy "default-src 'none'"
  call GET /openapi.json
  check 'openapi.json is OpenAPI 3.1' answers 200 '"openapi":"3.1'
  check 'and knows the path of a submission' body_has '"/api/v1/workflow"'
}

check_headers_and_methods() {
  section 'Headers, methods, paths'
  call GET /health '' --header 'X-Request-Id: my-request-1'
  check "the client's X-Request-Id comes back" equals "$(header x-request-id)" my-request-1
  call GET /health
  check 'without one the answer has a new X-Request-Id' header_matches x-request-id '^.{8,}$'
  check 'JSON is sent as application/json' header_matches content-type '^application/json'
  local length
  length=$(header content-length)
  call HEAD /livez
  check 'HEAD answers where GET does' status_is 200
  check 'HEAD sends no body' empty_body
  call HEAD /health
  check 'HEAD tells the length that GET has' equals "$(header content-length)" "$length"
  call PUT /api/v1/workflow '{}'
  check 'known path, wrong method: 405' answers 405 '"error_code":"METHOD_NOT_ALLOWED"'
  check '405 names the methods in Allow' header_matches allow 'POST'
  call GET /api/v1/no/such/path
  check 'unknown path: 404' answers 404 '"error_code":"NOT_FOUND"'
  call POST /api/v1/workflow '' --header 'Content-Type: text/plain' --data-binary 'hello'
  check 'a body that is not JSON by its type: 415' answers 415 '"error_code":"UNSUPPORTED_MEDIA_TYPE"'
  {
    printf '{"name":"'
    head -c 5000000 /dev/zero | tr '\000' 'x'
    printf '"}'
  } >"$scratch/large.json"
  call POST /api/v1/workflow "@$scratch/large.json"
  check 'a body over its limit: 413' status_is 413
}

check_validation() {
  section 'Submissions that are refused'
  refused 'broken JSON' 400 MALFORMED_JSON '{"name": '
  refused 'no body' 400 MALFORMED_JSON ' '
  printf '{"name":"\xff","dag":{"nodes":[{"id":"a","handler":"echo"}]}}' >"$scratch/latin1.json"
  refused 'bytes that are not UTF-8' 400 MALFORMED_JSON "@$scratch/latin1.json"
  refused 'a list in place of an object' 422 VALIDATION_ERROR '[]'
  refused 'no name' 422 VALIDATION_ERROR '{"dag":{"nodes":[{"id":"a","handler":"echo"}]}}'
  refused 'no handler' 422 VALIDATION_ERROR "$(nodes '{"id":"a"}')"
  refused 'a text where a number belongs' 422 VALIDATION_ERROR "$(nodes '{"id":"a","handler":"echo","timeout_seconds":"soon"}')"
  refused 'several faults' 422 VALIDATION_ERROR '{"name":"","dag":{"nodes":[{"id":1,"handler":"echo"},{"id":"b"}]}}'
  check 'all faults are listed, as JSON pointers' matches "$BODY" '"/name".*"/dag/nodes/0/id"'
  check 'detail lists type, loc and msg' matches "$BODY" '"detail":\[\{"type":"[^"]+","loc":\["body",'
  refused 'no nodes' 400 EMPTY_WORKFLOW "$(nodes '')"
  check 'detail repeats the message' equals "$(field detail)" "$(field message)"
  refused 'two nodes of one id' 400 DUPLICATE_NODE_ID "$(nodes '{"id":"a","handler":"echo"},{"id":"a","handler":"echo"}')"
  refused 'a dependency on nobody' 400 INVALID_NODE_REFERENCE "$(nodes '{"id":"a","handler":"echo","dependencies":["b"]}')"
  refused 'a cycle' 400 CYCLIC_DEPENDENCY "$(nodes '{"id":"a","handler":"echo","dependencies":["b"]},{"id":"b","handler":"echo","dependencies":["a"]}')"
  check 'the cycle is named' body_has '"cycle_nodes":['
  refused 'a node that depends on itself' 400 CYCLIC_DEPENDENCY "$(nodes '{"id":"a","handler":"echo","dependencies":["a"]}')"
  refused 'a reserved id' 400 INVALID_NODE "$(nodes '{"id":"params","handler":"echo"}')"
  refused "a config that breaks its handler's schema" 400 INVALID_NODE "$(nodes '{"id":"a","handler":"delay","config":{"seconds":-1}}')"
  refused 'a template that names no ancestor' 400 INVALID_TEMPLATE_REFERENCE "$(nodes '{"id":"a","handler":"echo"},{"id":"b","handler":"echo","config":{"x":"{{ a.value }}"}}')"
}

check_life_of_an_execution() {
  section 'Submit, trigger, read, cancel'
  submit "$(nodes '{"id":"a","handler":"echo","config":{"n":1,"who":"{{ params.who }}"}},{"id":"b","handler":"output","dependencies":["a"],"config":{"sum":"{{ a.n }}"}}')"
  check 'a submission answers 201 and its message' answers 201 '"message":"Workflow submitted successfully"'
  check 'workflow_id is a UUID of version 8' matches "$WORKFLOW" '^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab]'
  check 'execution_id is a UUID of version 7' matches "$EXECUTION" '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]'
  check 'X-RateLimit-Limit stands on the answer' header_matches x-ratelimit-limit '^[0-9]+$'
  check 'X-RateLimit-Remaining stands on the answer' header_matches x-ratelimit-remaining '^[0-9]+$'
  call GET "/api/v1/workflow/$EXECUTION"
  check 'until it is triggered it is PENDING' answers 200 '"status":"PENDING"'
  check 'and so are its nodes' node_is b PENDING
  call GET "/api/v1/workflow/$EXECUTION/explain"
  check 'explain tells why' answers 200 '"reason":"not_triggered"'
  call GET "/api/v1/workflow/$EXECUTION?wait=0.2"
  check 'a wait that runs out answers the present state' answers 200 '"status":"PENDING"'
  trigger '{"params":{"who":"me"}}'
  check 'a trigger answers 200 and its message' answers 200 '"message":"Workflow execution triggered"'
  await_end
  check 'it ends COMPLETED' answers 200 '"status":"COMPLETED"'
  check 'with times' matches "$BODY" '"created_at":"20[^"]+Z".*"started_at":"20[^"]+Z".*"finished_at":"20[^"]+Z"'
  results
  check 'results have the outputs, parameters filled in' body_has '"a":{"n":1,"who":"me"}'
  check 'results of the output node' body_has '"b":{"aggregated":true,"config":{"sum":1}}'
  trigger
  check 'a second trigger answers 200' status_is 200
  call GET "/api/v1/workflow/$EXECUTION?detail=nodes"
  check 'detail=nodes tells the attempt of each node' equals "$(count '"attempt":1')" 2
  call DELETE "/api/v1/workflow/$EXECUTION"
  check 'an execution that has ended cannot be cancelled' answers 409 '"error_code":"INVALID_STATUS_TRANSITION"'
  call GET "/api/v1/definitions/$WORKFLOW"
  check 'its definition can be read' answers 200 "\"name\":\"$RUN\""
  local first=$WORKFLOW
  call POST "/api/v1/workflow/$WORKFLOW/executions" '{"params":{"who":"you"},"trigger":true}'
  EXECUTION=$(field execution_id)
  check 'a known workflow runs again' answers 201 "\"workflow_id\":\"$first\""
  await_end
  results
  check 'with parameters of its own' body_has '"who":"you"'
  submit "$(nodes '{"id":"a","handler":"delay","config":{"seconds":600}},{"id":"b","handler":"echo","dependencies":["a"]}')"
  trigger
  call DELETE "/api/v1/workflow/$EXECUTION"
  check 'a running execution can be cancelled' answers 200 '"status":"success"'
  call DELETE "/api/v1/workflow/$EXECUTION"
  check 'and again' status_is 200
  await_end
  check 'it is CANCELLED, its nodes too' node_is b CANCELLED
  submit "$(nodes '{"id":"a","handler":"echo"}')"
  call DELETE "/api/v1/workflow/$EXECUTION"
  trigger
  check 'what was cancelled before its trigger is not triggered' answers 409 '"error_code":"INVALID_STATUS_TRANSITION"'
  for path in "/api/v1/workflow/$NOBODY" "/api/v1/workflow/$NOBODY/results"; do
    call GET "$path"
    check "unknown execution: 404 at $path" answers 404 '"error_code":"EXECUTION_NOT_FOUND"'
  done
  call POST "/api/v1/workflow/trigger/$NOBODY"
  check 'unknown execution: 404 for a trigger' answers 404 '"error_code":"EXECUTION_NOT_FOUND"'
  call GET "/api/v1/definitions/$NOBODY"
  check 'unknown workflow: 404' answers 404 '"error_code":"WORKFLOW_NOT_FOUND"'
}

# runs NAME FILE END [PARAMS]: a payload from its submission to its end.
runs() {
  submit "@payloads/$2"
  trigger "${4-}"
  await_end
  check "$1 ends $3" answers 200 "\"status\":\"$3\""
}

check_payloads() {
  section 'Payloads'
  runs linear linear.json COMPLETED
  results
  check 'templates hand data down a chain' body_has '"done":{"aggregated":true,"config":{"message":"Order A-1001: 3 at 20"}}'
  runs 'fan-out and fan-in' parallel_fan_out.json COMPLETED
  results
  check 'the join sees every branch' body_has '"tasks":["count words","find topics","find people","find places"]'
  runs 'conditional branch' conditional_branch.json COMPLETED
  check 'the branch whose condition is true ran' node_is review_by_hand COMPLETED
  check 'the other was skipped' node_is approve_at_once SKIPPED
  results
  check 'the join after a skipped branch ran' body_has '"close":{"aggregated":true,"config":{"large":true,"reviewer":"credit desk"}}'
  check 'a skipped node has no output' body_lacks '"approve_at_once"'
  runs 'template data passing' template_data_passing.json COMPLETED
  results
  check 'text is filled in' body_has '"greeting":"Dear Grace of New York"'
  check 'a lone placeholder keeps its type' body_has '"active":true,"first_count":2,"lines":[{"sku":"K-1","count":2},{"sku":"K-2","count":1}]'
  check 'an object inside text is JSON' body_has '"address_text":"Ship to {\"city\":\"Arlington\",\"zip\":\"22201\"}"'
  check 'placeholders are filled in at any depth' body_has '"nested":{"deep":["Grace",{"zip":"22201"}]}'
  check 'a missing key stays as it stands' body_has '"unknown":"{{ customer.middle_name }}","from_params":"{{ params.coupon }}"'
  runs 'LLM pipeline' llm_pipeline.json COMPLETED
  results
  check 'simulated answers say so' equals "$(count '"simulated":true')" 2
  check 'the pipeline knows its models' body_has '"models":["small-model","large-model"]'
  runs 'complex DAG' complex_dag.json COMPLETED
  check 'its false branch is skipped' node_is back_order SKIPPED
  results
  check 'its joins hand on what they joined' body_has '"report":{"aggregated":true,"config":{"units":5,"text":"Batch 42 is on its way"}}'
  runs 'workflow time-out' workflow_timeout.json FAILED
  check 'with WORKFLOW_TIMEOUT' body_has WORKFLOW_TIMEOUT
  check 'what ran is FAILED' node_is too_long FAILED
  check 'what had not begun is CANCELLED' node_is never CANCELLED
  check 'what was done stays done' node_is begin COMPLETED
  runs 'parallel fetcher' parallel_api_fetcher.json COMPLETED
  results
  check 'three calls are combined' body_has '"combine":{"aggregated":true,"config":{"profile":200,"orders":200,"messages":200}}'
  runs 'a real HTTP call' live_health_check.json COMPLETED "{\"params\":{\"base_url\":\"${CALLBACK_BASE:-$BASE}\"}}"
  results
  check 'the answer of the service is in the output' body_has '"report":{"aggregated":true,"config":{"status_code":200,"healthy":true}}'
  local file
  for file in payloads/scientific/*.json; do
    runs "${file##*/}" "scientific/${file##*/}" COMPLETED
  done
}

check_failures() {
  section 'Retries, time-outs, dead letters'
  local service='"handler":"call_external_service","config":{"url":"http://service.invalid/","simulate":{"latency_ms":[0,0]},"simulate_failure":true},"retry":{"max_attempts":3,"initial_interval_ms":10,"max_interval_ms":20}'
  local entry
  submit "$(started '{"id":"before","handler":"echo","config":{"n":1}},{"id":"fails","dependencies":["before"],'"$service"'},{"id":"after","handler":"output","dependencies":["fails"],"config":{"code":"{{ fails.status_code }}"}}')"
  await_end
  check 'attempts exhausted: the execution is FAILED' answers 200 '"status":"FAILED"'
  check 'its node is FAILED' node_is fails FAILED
  check 'what depends on it is CANCELLED' node_is after CANCELLED
  call GET "/api/v1/workflow/$EXECUTION?detail=nodes"
  check 'all attempts were made' body_has '"attempt":3'
  call GET '/api/v1/admin/dlq?limit=100'
  check 'its node is a dead letter' answers 200 "\"task_id\":\"$EXECUTION:fails\""
  check 'the entry has its fields in order' matches "$BODY" "\"id\":\"[^\"]+\",\"task_id\":\"$EXECUTION:fails\",\"execution_id\":\"$EXECUTION\",\"node_id\":\"fails\",\"handler\":\"call_external_service\",\"error_message\":\"[^\"]*\",\"retry_count\":2,\"original_timestamp\":\"[^\"]+\",\"failed_at\":\"[^\"]+\",\"error_detail\":\\{\"message\":\"[^\"]*\",\"error_code\":\"SIMULATED_FAILURE\",\"category\":\"[a-z]+\",\"traceback_hash\":"
  entry=$(dead_letter_of fails)
  call POST "/api/v1/admin/dlq/$entry/retry" '{"config":{"url":"http://service.invalid/","simulate":{"latency_ms":[0,0]}}}'
  check 'it can be retried with another config' answers 200 '"message":"Task re-submitted to queue"'
  await_end
  check 'then the execution completes' answers 200 '"status":"COMPLETED"'
  results
  check 'and the rest of the DAG ran' body_has '"after":{"aggregated":true,"config":{"code":200}}'
  call GET '/api/v1/admin/dlq?limit=100'
  check 'the entry is gone' body_lacks "\"task_id\":\"$EXECUTION:fails\""

  submit "$(started '{"id":"fails",'"$service"'}')"
  await_end
  call GET '/api/v1/admin/dlq?limit=100'
  entry=$(dead_letter_of fails)
  call DELETE "/api/v1/admin/dlq/$entry"
  check 'a dead letter can be deleted' answers 200 '"status":"success"'
  call DELETE "/api/v1/admin/dlq/$entry"
  check 'once' answers 404 '"error_code":"DLQ_ENTRY_NOT_FOUND"'
  call POST "/api/v1/admin/dlq/$entry/retry"
  check 'and then not retried' answers 404 '"error_code":"DLQ_ENTRY_NOT_FOUND"'

  submit "$(started '{"id":"slow","handler":"call_llm","timeout_seconds":0.2,"retry":{"max_attempts":1},"config":{"prompt":"wait","simulate":{"latency_ms":[20000,20000]}}}')"
  await_end
  check 'a node past its time-out fails' answers 200 '"status":"FAILED"'
  check 'with NODE_TIMEOUT' body_has NODE_TIMEOUT
  call POST /api/v1/admin/dlq/retry "{\"workflow_id\":\"$WORKFLOW\"}"
  check 'dead letters can be retried in bulk' answers 200 '"retried":1'
  await_end
  submit "$(started '{"id":"a","handler":"no_such_handler"}')"
  check 'an unknown handler is accepted' status_is 201
  await_end
  check 'and fails its node' answers 200 UNKNOWN_HANDLER
}

# dead_letter_of NODE: the id of the dead letter of this node of EXECUTION, from the list in BODY.
dead_letter_of() { printf '%s' "$BODY" | grep -o "\"id\":\"[^\"]*\",\"task_id\":\"$EXECUTION:$1\"" | cut -d '"' -f 4; }

check_idempotency() {
  section 'Idempotency keys'
  local body first
  body=$(nodes '{"id":"a","handler":"echo","config":{"once":true}}')
  submit "$body" --header "Idempotency-Key: $RUN"
  check 'a first submission with a key answers 201' status_is 201
  first=$BODY
  submit "$body" --header "Idempotency-Key: $RUN"
  check 'the same again answers the first answer' equals "$STATUS $BODY" "201 $first"
  submit "$(nodes '{"id":"b","handler":"echo"}')" --header "Idempotency-Key: $RUN"
  check 'the same key with another body: 409' answers 409 '"error_code":"IDEMPOTENCY_KEY_REUSED"'
}

check_rate_limit() {
  section 'Rate limit'
  local limit before after
  submit "$(nodes '{"id":"a","handler":"echo"}')"
  limit=$(header x-ratelimit-limit) before=$(header x-ratelimit-remaining)
  check 'what remains is below the limit' [ "$before" -lt "$limit" ]
  submit "$(nodes '{"id":"a","handler":"echo"}')"
  after=$(header x-ratelimit-remaining)
  check 'a submission costs, unless old ones have expired' [ "$after" -lt "$limit" ]
  submit '{"dag":{}}'
  check 'a refused submission carries the headers too' header_matches x-ratelimit-remaining '^[0-9]+$'
}

check_events() {
  section 'Events'
  submit "$(nodes '{"id":"a","handler":"echo"},{"id":"b","handler":"delay","dependencies":["a"],"config":{"seconds":0.5}}')"
  trigger
  call GET "/api/v1/workflow/$EXECUTION/events"
  check 'events come as text/event-stream' header_matches content-type '^text/event-stream'
  check 'a snapshot first' matches "$(printf '%s' "$BODY" | grep -m 1 '^event:')" 'snapshot'
  check 'then what changes' matches "$BODY" '"node_id":"b","status":"COMPLETED"'
  check 'and the stream ends with the execution' matches "$(printf '%s' "$BODY" | grep '^event:' | tail -n 1)" 'end'
  call GET "/api/v1/workflow/$EXECUTION/events" '' --header "Last-Event-ID: $(printf '%s' "$BODY" | grep '^id:' | tail -n 1 | cut -d ' ' -f 2)"
  check 'who has heard the end is told to stay away: 204' status_is 204
}

check_circuit() {
  section 'Circuit'
  submit "$(started '{"id":"calls","handler":"call_external_service","config":{"url":"'"$FAILING_URL"'"},"retry":{"max_attempts":100,"initial_interval_ms":1,"max_interval_ms":5}}')"
  check 'a service that fails again and again is left alone' eventually 20 explained '"reason":"circuit_open"'
  call GET "/api/v1/workflow/$EXECUTION?detail=nodes"
  check 'its node waits, and has not failed' node_is calls RUNNING
  check 'the refusal stands among its failures' body_has '"error_code":"CIRCUIT_OPEN"'
  call GET /api/v1/admin/circuits
  check 'the circuits of this host are listed' answers 200 '"circuits":['
  call DELETE "/api/v1/workflow/$EXECUTION"
  check 'and it can be cancelled while it waits' status_is 200
}

# explained TEXT: whether the explanation of EXECUTION has it.
explained() {
  call GET "/api/v1/workflow/$EXECUTION/explain"
  body_has "$1"
}

check_batches() {
  section 'Batches'
  local good ids
  good=$(nodes '{"id":"a","handler":"echo","config":{"n":1}}')
  call POST /api/v1/workflow/batch "[$good,{\"name\":\"$RUN\"},$good]"
  check 'a batch answers one result or error each' equals "$STATUS $(count '"execution_id"') $(count '"error_code"')" '200 2 1'
  ids=$(printf '%s' "$BODY" | grep -o '"execution_id":"[^"]*"' | cut -d : -f 2 | paste -sd , -)
  call POST /api/v1/workflow/batch/trigger "{\"execution_ids\":[$ids,\"$NOBODY\"]}"
  check 'many are triggered at once, unknown ones are told' equals "$STATUS $(count 'EXECUTION_NOT_FOUND')" '200 1'
  check 'and complete' eventually 20 batch_completed "$ids" 2
  call POST /api/v1/workflow/batch/cancel "{\"execution_ids\":[$ids]}"
  check 'what has ended is refused one by one' equals "$STATUS $(count 'INVALID_STATUS_TRANSITION')" '200 2'
  printf '%s\n%s\n' "$good" "$good" >"$scratch/batch.ndjson"
  call POST /api/v1/workflow/batch '' --header 'Content-Type: application/x-ndjson' --data-binary "@$scratch/batch.ndjson"
  check 'NDJSON is a batch too' equals "$STATUS $(count '"execution_id"')" '200 2'
}

# batch_completed IDS COUNT: whether so many of these are COMPLETED.
batch_completed() {
  call POST /api/v1/workflow/batch/status "{\"execution_ids\":[$1]}"
  [ "$(count '"status":"COMPLETED"')" = "$2" ]
}

check_list() {
  section 'List'
  local name=$RUN-list cursor
  for _ in 1 2 3; do
    submit "{\"name\":\"$name\",\"trigger\":true,\"dag\":{\"nodes\":[{\"id\":\"a\",\"handler\":\"echo\"}]}}"
    await_end
  done
  check 'the list finds executions by name and status' eventually 20 listed "name=$name&status=COMPLETED" 3
  check 'newest first' equals "$(field execution_id)" "$EXECUTION"
  check 'a page holds at most limit' listed "name=$name&limit=2" 2
  cursor=$(field next_cursor)
  check 'and its cursor leads to the rest' listed "name=$name&limit=2&cursor=$cursor" 1
  check 'filters leave out what does not match' listed "name=$name&status=FAILED" 0
  call GET '/api/v1/workflow?limit=none'
  check 'a wrong filter: 422' answers 422 '"error_code":"VALIDATION_ERROR"'
}

# listed QUERY COUNT: whether the list answers so many executions.
listed() {
  call GET "/api/v1/workflow?$1"
  [ "$STATUS $(count '"execution_id"')" = "200 $2" ]
}

check_burst() {
  section "Burst of $BURST concurrent submissions"
  local body index arguments=() pids=() unique ended=0
  if [ -n "${API_KEY-}" ]; then arguments=(--header "Authorization: Bearer $API_KEY"); fi
  body=$(started '{"id":"a","handler":"echo","config":{"n":1}},{"id":"b","handler":"output","dependencies":["a"],"config":{"n":"{{ a.n }}"}}')
  for index in $(seq "$BURST"); do
    curl --silent --max-time 60 ${arguments[@]+"${arguments[@]}"} --header 'Content-Type: application/json' \
      --data-binary "$body" --output "$scratch/burst-$index" "$BASE/api/v1/workflow" &
    pids+=("$!")
  done
  wait "${pids[@]}"
  unique=$(cat "$scratch"/burst-* | grep -o '"execution_id":"[^"]*"' | sort -u | cut -d '"' -f 4)
  check 'every submission is accepted, with an id of its own' equals "$(printf '%s\n' "$unique" | grep -c .)" "$BURST"
  for EXECUTION in $unique; do
    await_end
    if body_has '"status":"COMPLETED"'; then ended=$((ended + 1)); fi
  done
  check 'every one completes' equals "$ended" "$BURST"
}

check_metrics() {
  section 'Metrics'
  local name
  call GET /metrics
  check 'metrics answer Prometheus text' header_matches content-type '^text/plain'
  for name in workflow_submissions_total 'workflow_completions_total{status="' workflow_duration_seconds \
    api_request_duration_seconds redis_stream_pending_messages; do
    check "metric $name" body_has "$name"
  done
  # Their values are with the host that ran the node, which need not be this one.
  for name in node_executions_total node_duration_seconds; do
    check "metric $name" body_has "# TYPE $name "
  done
  call GET /api/v1/admin/stats
  check 'admin stats answer 200' status_is 200
}

if ! command -v curl >/dev/null 2>&1; then
  echo 'scripts/test_api.sh needs curl on the PATH' >&2
  exit 2
fi
printf 'Black-box checks of %s\n' "$BASE"
call GET /health
if [ "$STATUS" = 000 ]; then
  printf 'Nothing answers at %s: %s\n' "$BASE" "$(cat "$scratch/curl-errors")" >&2
  exit 2
fi
check_service
check_access
check_documents
check_headers_and_methods
check_validation
check_life_of_an_execution
check_payloads
check_failures
check_circuit
check_idempotency
check_rate_limit
check_events
check_batches
check_list
check_burst
check_metrics
report
