-- One log line in each request, all of them different, for wrk: `wrk -s one-event.lua URL -- KEY`.
local key
local sent = 0

function init(arguments)
  key = arguments[1]
end

function request()
  sent = sent + 1
  local line = '{"timestamp":%d%09d,"service.name":"player","severity_text":"INFO","host.name":"edge-%d",'
    .. '"session.id":"s%d","body":"segment %d played after %d ms"}'
  local body = line:format(os.time(), sent % 1000000000, sent % 50, sent, sent, sent % 900)
  local headers = { ["Authorization"] = "Bearer " .. key, ["Content-Type"] = "application/json" }
  return wrk.format("POST", "/api/v1/ingest/logs", headers, body)
end
