// Reads a V8 CPU profile: which functions the time was spent in, and below which.

export interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  readonly children?: readonly number[]
}

export interface Line {
  /** `name file:line`. */
  readonly name: string
  /** Share of the time that was not idle: in the function itself, and with all that it called. */
  readonly self: number
  readonly total: number
}

/** The `count` lines with the most self time; `by` puts nodes together. */
export function topLines(profile: CpuProfile, count: number, by: (node: ProfileNode) => string): Line[] {
  const selfUs = selfTimes(profile)
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const self = new Map<string, number>()
  const total = new Map<string, number>()
  const visit = (node: ProfileNode, above: ReadonlySet<string>): number => {
    const name = by(node)
    const own = isIdle(node) ? 0 : (selfUs.get(node.id) ?? 0)
    const within = above.has(name) ? above : new Set(above).add(name)
    const all = (node.children ?? []).reduce(
      (sum, id) => sum + visit(nodes.get(id) as ProfileNode, within),
      own,
    )
    self.set(name, (self.get(name) ?? 0) + own)
    // A function that calls itself is counted once.
    if (!above.has(name)) total.set(name, (total.get(name) ?? 0) + all)
    return all
  }
  const [root] = profile.nodes
  const busyUs = root === undefined ? 0 : visit(root, new Set())
  return [...self]
    .map(([name, us]) => ({ name, self: us / busyUs, total: (total.get(name) ?? 0) / busyUs }))
    .sort((a, b) => b.self - a.self)
    .slice(0, count)
}

export const byFunction = ({ callFrame }: ProfileNode): string => {
  const { functionName, lineNumber } = callFrame
  const file = toFile(callFrame.url)
  return `${functionName || '(anonymous)'}${file === '' ? '' : ` ${file}:${lineNumber + 1}`}`
}

export const byFile = ({ callFrame }: ProfileNode): string =>
  toFile(callFrame.url) || callFrame.functionName || 'native'

/** Below the checkout's root or the package's folder; node's own modules as they are. */
function toFile(url: string): string {
  const path = url.replace(/^file:\/\//, '')
  const packages = path.lastIndexOf('/node_modules/')
  if (packages >= 0) return path.slice(packages + '/node_modules/'.length)
  return /\/((?:gateway|plugins|config|admin|examples)\/.*)$/.exec(path)?.[1] ?? path
}

/** Starting and stopping the profiler takes seconds of the profile; that is no time of the gateway's. */
function isIdle({ callFrame }: ProfileNode): boolean {
  return callFrame.functionName === '(idle)' || callFrame.url === 'node:inspector'
}

function selfTimes({ samples, timeDeltas }: CpuProfile): Map<number, number> {
  const times = new Map<number, number>()
  for (const [index, id] of samples.entries())
    times.set(id, (times.get(id) ?? 0) + Math.max(0, timeDeltas[index] ?? 0))
  return times
}
