// The paths that services could take a path for: what the judge of path-matrix.test.ts goes by. Written apart from the
// gateway's own readings (readings.ts), and more of them.

type Step = (path: string) => string

const same: Step = (path) => path
const decode: Step = (path) =>
  path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
const cutParameters: Step = (path) => path.replace(/;[^/]*/g, '')
const slashBackslashes: Step = (path) => path.replaceAll('\\', '/')
const merge: Step = (path) => path.replace(/\/+/g, '/')
const endAtNul: Step = (path) => path.replace(/\0.*/s, '')
const endAtQuery: Step = (path) => path.replace(/[?#].*/s, '')

function resolveDots(path: string): string {
  const kept: string[] = []
  for (const segment of path.split('/').slice(1)) {
    if (segment === '..') kept.pop()
    else if (segment !== '.') kept.push(segment)
  }
  return `/${kept.join('/')}`
}

const decoders: readonly (readonly Step[])[] = [
  [],
  [decode],
  [cutParameters],
  [cutParameters, decode],
  [decode, cutParameters],
  [decode, decode],
  [decode, decode, cutParameters],
  [cutParameters, decode, decode],
  [decode, cutParameters, decode],
]
const tidiers: readonly (readonly Step[])[] = [
  [merge],
  [resolveDots],
  [merge, resolveDots],
  [resolveDots, merge],
  [slashBackslashes, merge, resolveDots],
  [endAtNul, merge, resolveDots],
  [endAtQuery, merge, resolveDots],
]

/** Every reading of a path that goes up. */
export function readLeniently(path: string): Set<string> {
  const readings = new Set<string>()
  for (const decoder of decoders) {
    for (const tidier of tidiers) {
      readings.add([same, ...decoder, ...tidier].reduce((text, step) => step(text), path))
    }
  }
  return readings
}

export function isWithin(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}/`)
}
