-- Which verbs apply now. Argo CD shows the others greyed out.
local status = obj.status or {}
local rollout = status.rollout or {}
local progressing = {}
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Progressing" then
    progressing = condition
  end
end

local failed = status.phase == "Failed" -- given up, or held up by a write that the API server refuses
local given_up = failed and progressing.status == "False"
local readable = status.observedGeneration == obj.metadata.generation and progressing.reason ~= "InvalidSpec"
local candidate = readable and status.candidate ~= nil
local rolling = candidate and status.stable ~= nil and not given_up
local stepping = rolling and rollout.step ~= nil and rollout.step <= rollout.steps
local waits = rollout.held ~= nil or progressing.reason == "WaitsForPerson"

local possible = {
  ["promote"] = stepping,
  ["promote-full"] = rolling,
  ["pause"] = stepping and rollout.held == nil,
  ["resume"] = stepping and waits,
  ["abort"] = rolling,
  ["retry"] = candidate and given_up or rolling and failed,
}
local actions = {}
for verb, applies in pairs(possible) do
  actions[verb] = {disabled = not applies}
end
return actions
