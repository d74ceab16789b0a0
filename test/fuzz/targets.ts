// All that is fuzzed.
import type { Target } from './target.ts'
import { partTargets } from './targets/answers-of-parts.ts'
import { configTargets } from './targets/config.ts'
import { forwardedTargets } from './targets/forwarded.ts'
import { handshakeTargets } from './targets/handshakes.ts'
import { parserTargets } from './targets/http1-parsers.ts'
import { http2ConnectionTargets } from './targets/http2-connections.ts'
import { http2Targets } from './targets/http2-frames.ts'
import { keySetTargets } from './targets/key-sets.ts'
import { pathTargets } from './targets/paths.ts'
import { ruleFileTargets } from './targets/rule-files.ts'
import { servedTargets } from './targets/served.ts'
import { tokenSourceTargets } from './targets/token-sources.ts'
import { tokenTargets } from './targets/tokens.ts'

export const targets: readonly Target[] = [
  ...parserTargets,
  ...servedTargets,
  ...http2Targets,
  ...http2ConnectionTargets,
  ...pathTargets,
  ...forwardedTargets,
  ...handshakeTargets,
  ...tokenTargets,
  ...tokenSourceTargets,
  ...keySetTargets,
  ...partTargets,
  ...ruleFileTargets,
  ...configTargets,
]

/** Throws for a name that no target has. */
export function findTarget(name: string): Target {
  const found = targets.find((target) => target.name === name)
  if (found === undefined)
    throw new Error(`No target is called "${name}"; there are: ${targets.map((one) => one.name).join(', ')}.`)
  return found
}
