// Clients of an admin API that write without pause and remember what was promised to them and what was under way.
import type { Admin } from '../support/admin.ts'

export interface StoredConfig {
  readonly routes: {
    readonly tenants: readonly { readonly id: string; readonly metadata?: { readonly count?: number } }[]
    readonly routes: readonly { readonly id: string; readonly paths: readonly string[] }[]
  }
  readonly plugins: {
    readonly plugins: readonly {
      readonly id: string
      readonly config?: { readonly maxAgeSeconds?: number }
    }[]
  }
}

export interface Writers {
  go(): void
  /** Resolves when nobody writes any more. */
  pause(): Promise<void>
  acknowledged(): number
  /** What in the files is neither what was promised nor what was under way. Begins anew from what is there. */
  compare(stored: StoredConfig): string[]
  /** Answers that must not be. */
  problems(): readonly string[]
}

interface Numbered {
  /** Of the newest write that was acknowledged. */
  promised: number
  /** Of one whose answer never came; null: there is none. */
  underWay: number | null
}

interface Options {
  readonly admin: Admin
  /** Each writes a route of its own, without looking. */
  readonly single: number
  /** Count up one number together, under If-Match. */
  readonly counting: number
  /** Change routes.json and plugins.json in one write, under If-Match. */
  readonly pairs: number
}

export function createWriters(options: Options): Writers {
  const { admin } = options
  const own = Array.from({ length: options.single }, (): Numbered => ({ promised: 0, underWay: null }))
  const counter = { promised: 0, underWay: 0 }
  const pair = { promised: 0, underWay: [] as number[], next: 1 }
  const problems: string[] = []
  let writing: Promise<unknown> | null = null
  let running = false
  let acknowledged = 0

  const expect = (status: number, allowed: readonly number[], what: string): boolean => {
    if (!allowed.includes(status)) problems.push(`${what} was answered with ${status}`)
    const done = status === 200 || status === 201
    if (done) acknowledged += 1
    return done
  }
  const writeOwn = async (mine: Numbered, index: number): Promise<void> => {
    const number = mine.promised + 1
    mine.underWay = number
    const body = { paths: [`/w-${index}/${number}`], upstream: 'api', auth: 'none' }
    const { status } = await admin('PUT', `/admin/routes/w-${index}`, { body })
    mine.underWay = null
    if (expect(status, [200, 201], 'a route')) mine.promised = number
  }
  const countUp = async (): Promise<void> => {
    const { body, headers } = await admin('GET', '/admin/tenants/acme')
    const next = { ...body, metadata: { count: body.metadata.count + 1 } }
    counter.underWay += 1
    const { status } = await admin('PUT', '/admin/tenants/acme', { headers: ifMatch(headers), body: next })
    counter.underWay -= 1
    if (expect(status, [200, 412], 'a count')) counter.promised += 1
  }
  const writePair = async (): Promise<void> => {
    const { body, headers } = await admin('GET', '/admin/config')
    const { version: _, ...config } = body
    const number = pair.next++
    const [globex] = config.routes.tenants.slice(1)
    globex.metadata = { count: number }
    config.plugins.plugins[0].config = { maxAgeSeconds: number }
    pair.underWay.push(number)
    const { status } = await admin('PUT', '/admin/config', { headers: ifMatch(headers), body: config })
    pair.underWay = pair.underWay.filter((one) => one !== number)
    if (expect(status, [200, 412], 'a pair')) pair.promised = number
  }
  /** Until it is told to pause, or the gateway is no more: then what was under way stays noted. */
  const repeat = async (write: () => Promise<void>): Promise<void> => {
    try {
      while (running) await write()
    } catch {
      // The gateway was killed.
    }
  }
  return {
    go() {
      running = true
      writing = Promise.all([
        ...own.map((mine, index) => repeat(() => writeOwn(mine, index))),
        ...Array.from({ length: options.counting }, () => repeat(countUp)),
        ...Array.from({ length: options.pairs }, () => repeat(writePair)),
      ])
    },
    async pause() {
      running = false
      await writing
      writing = null
    },
    acknowledged: () => acknowledged,
    problems: () => problems,
    compare({ routes, plugins }) {
      const found = own.flatMap((mine, index) => compareOwn(mine, index, routes.routes))
      const count = routes.tenants.find(({ id }) => id === 'acme')?.metadata?.count ?? -1
      if (count < counter.promised || count > counter.promised + counter.underWay)
        found.push(
          `${counter.promised} counts were promised and ${counter.underWay} under way, ${count} are there`,
        )
      Object.assign(counter, { promised: count, underWay: 0 })
      const inRoutes = routes.tenants.find(({ id }) => id === 'globex')?.metadata?.count ?? 0
      const inPlugins = plugins.plugins.find(({ id }) => id === 'cors')?.config?.maxAgeSeconds ?? 0
      if (inRoutes !== inPlugins)
        found.push(`half a write: ${inRoutes} in routes.json, ${inPlugins} in plugins.json`)
      if (inRoutes !== pair.promised && !pair.underWay.includes(inRoutes))
        found.push(`pair ${pair.promised} was promised, ${inRoutes} is there`)
      Object.assign(pair, { promised: inRoutes, underWay: [] })
      return found
    },
  }
}

function compareOwn(mine: Numbered, index: number, routes: StoredConfig['routes']['routes']): string[] {
  const path = routes.find(({ id }) => id === `w-${index}`)?.paths[0]
  const number = path === undefined ? 0 : Number(path.split('/')[2])
  const isKnown = number === mine.promised || number === mine.underWay
  const found = isKnown ? [] : [`route ${index}: ${mine.promised} was promised, ${number} is there`]
  Object.assign(mine, { promised: number, underWay: null })
  return found
}

function ifMatch(headers: Headers): Record<string, string> {
  return { 'if-match': headers.get('etag') ?? '' }
}
