-- With the resourceVersion each press is a new verb, and two presses on what a person saw once are one.
obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["modelway.io/action"] =
  "VERB@" .. obj.status.rollout.target .. ":" .. obj.metadata.resourceVersion
return obj
