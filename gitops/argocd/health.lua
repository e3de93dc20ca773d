-- How healthy Argo CD calls a ModelDeployment. Argo CD gives scripts no string library, and this one needs none.
local HEALTH = {
  Pending = "Progressing",
  Progressing = "Progressing",
  Ready = "Healthy",
  ScaledToZero = "Healthy",
  Paused = "Suspended",
  Degraded = "Degraded",
  Failed = "Degraded",
}

local status = obj.status or {}
if status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "Modelway has not looked at this change yet."}
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
local progressing = conditions.Progressing or {}
local said = conditions.Stalled or progressing
local health = HEALTH[status.phase] or "Progressing"
if status.phase == "Degraded" and progressing.reason == "NoReadyPods" then
  health = "Progressing" -- the pods went, as in a drain; nothing keeps new ones from coming
end
return {status = health, message = said.message or ""}
