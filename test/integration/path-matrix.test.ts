// Spellings x positions x rewrites of a path through the running gateway: routing, RBAC, WAF, log and upstream go by one path,
// and however lenient a reader the upstream is, it gets nothing under the denied place.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Slashes } from '../../gateway/contract/snapshot.ts'
import { isWithin, readLeniently } from './lenient-readers.ts'
import { type Host, hosts, type Position, positions, queries, spellings } from './path-cases.ts'
import { type PathScene, type Sent, startPathScene, type Views } from './path-scene.ts'

const atOnce = 24

interface Case {
  readonly host: Host
  readonly target: string
  /** Of HTTP; default: 1.1. */
  readonly version?: '2'
}

interface Done extends Case, Sent {}

function toTarget(host: Host, { path, absolute }: Position, spelling: string): string {
  const text = path.replace('{}', () => spelling)
  return absolute ? `http://${host.name}.example.com${text}` : text
}

const combinations = positions.flatMap((position) => spellings.map((spelling) => ({ position, spelling })))

function casesOf(slashes: Slashes): Case[] {
  return hosts.flatMap((host, at) =>
    combinations
      .filter((_, index) => (host.thorough && slashes === 'merge') || (index + at) % 3 === 0)
      .map(({ position, spelling }) => ({ host, target: toTarget(host, position, spelling) })),
  )
}

/** A third; `:path` has no absolute form. */
const http2Cases: readonly Case[] = hosts.flatMap((host, at) =>
  combinations
    .filter(({ position }, index) => !position.absolute && (index + at) % 3 === 1)
    .map(({ position, spelling }) => ({ host, target: toTarget(host, position, spelling), version: '2' })),
)

async function sendAll(scene: PathScene, list: readonly Case[]): Promise<Done[]> {
  const done: Done[] = []
  const left = list.entries()
  const sendOn = async (): Promise<void> => {
    for (const [at, one] of left)
      done[at] = { ...one, ...(await scene.send(one.host, one.target, one.version)) }
  }
  await Promise.all(Array.from({ length: atOnce }, sendOn))
  return done
}

/** Percent-decoded once, as hex of its bytes. */
function toDecodedHex(path: string): string {
  const decoded = path.replace(/%([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return Buffer.from(decoded, 'latin1').toString('hex')
}

/** What a browser would make of it, where that has no opinion of its own on slashes. */
function byUrl(target: string): string | null {
  const path = target.replace(/^http:\/\/[^/]*/, '').replace(/[?#].*$/s, '')
  if (path.includes('//')) return null
  return new URL(`http://host${path}`).pathname
}

function judge({ host, target, status }: Done, views: Views): void {
  const about = `${host.name} ${JSON.stringify(target)}: ${status} ${JSON.stringify(views)}`
  const { asked, fileName, logged, upstream } = views
  if (asked !== undefined) {
    assert.equal(asked.path, logged.path, `RBAC and log: ${about}`)
    assert.equal(fileName, toDecodedHex(logged.path), `WAF and log: ${about}`)
    assert.equal(logged.route, `${host.name}-${asked.resource}`, `RBAC and routing: ${about}`)
    const other = byUrl(target)
    if (other !== null)
      assert.equal(
        toDecodedHex(logged.path),
        toDecodedHex(other.replace(/%[0-9a-f]{2}/g, (triple) => triple.toUpperCase())),
        `RFC 3986: ${about}`,
      )
  }
  if (status !== 200) return assert.equal(upstream, undefined, `refused, yet sent: ${about}`)
  assert.equal(asked?.resource, 'open', about)
  assert.equal(upstream, host.up(logged.path) + queryOf(target), `log and upstream: ${about}`)
  for (const reading of readLeniently((upstream as string).split('?', 1)[0] as string))
    assert.ok(!isWithin(reading, host.forbidden), `${reading} is denied: ${about}`)
}

function queryOf(target: string): string {
  const mark = target.indexOf('?')
  return mark < 0 ? '' : target.slice(mark)
}

/** What there was to judge. */
async function judgeAll(scene: PathScene, list: readonly Case[], slashes: Slashes): Promise<string> {
  const done = await sendAll(scene, list)
  assert.ok(done.length >= 1_000)
  const views = await scene.viewsOf(done.map(({ requestId }) => requestId))
  const counts: Record<number, number> = {}
  const seen = { encoded: new Set<string>(), doubled: new Set<string>() }
  for (const one of done) {
    const its = views.get(one.requestId) as Views
    judge(one, its)
    counts[one.status] = (counts[one.status] ?? 0) + 1
    if (its.upstream?.includes('%2F')) seen.encoded.add(one.host.name)
    if (its.upstream?.includes('//')) seen.doubled.add(one.host.name)
  }
  assert.deepEqual([...seen.encoded], ['kept'], 'encoded slashes pass where the route keeps them')
  assert.equal(seen.doubled.size > 0, slashes === 'keep', 'runs of slashes pass where they are kept')
  assert.deepEqual(Object.keys(counts), ['200', '400', '403', '404'])
  for (const [status, count] of Object.entries(counts)) assert.ok(count >= 50, `${status}: ${count}`)
  const told = Object.entries(counts).map(([status, count]) => `${count} x ${status}`)
  return `${done.length} combinations: ${told.join(', ')}`
}

for (const slashes of ['merge', 'keep'] satisfies Slashes[]) {
  describe(`one path for all, slashes ${slashes}`, () => {
    let scene: PathScene
    before(async () => {
      scene = await startPathScene(slashes)
    })
    after(() => scene.close())

    test('what the denied place is asked for plainly is denied, and its neighbour is served', async () => {
      for (const host of hosts) {
        assert.equal((await scene.send(host, '/svc/admin/secret')).status, 403, host.name)
        assert.equal((await scene.send(host, '/svc/items/x')).status, 200, host.name)
      }
    })

    test('every part goes by the same path, and the denied place stays denied', async (t) => {
      t.diagnostic(`${await judgeAll(scene, casesOf(slashes), slashes)}; none excluded`)
    })

    test('so it is over HTTP/2', async (t) => {
      t.diagnostic(
        `${await judgeAll(scene, http2Cases, slashes)}; excluded: the absolute form, which :path has not`,
      )
    })

    test('the query passes byte for byte', async (t) => {
      const list = hosts.flatMap((host) =>
        ['/svc/items/x', '/svc/a/../it%65ms/x', `http://${host.name}.example.com/svc/items/x`].flatMap(
          (path) => queries.map((query) => ({ host, target: `${path}?${query}` })),
        ),
      )
      const done = await sendAll(scene, list)
      const views = await scene.viewsOf(done.map(({ requestId }) => requestId))
      for (const { host, target, status, requestId } of done) {
        assert.equal(status, 200, target)
        const query = queryOf(target)
        assert.equal(
          views.get(requestId)?.upstream,
          host.up('/svc/items/x') + (query === '?' ? '' : query),
          target,
        )
      }
      t.diagnostic(`${done.length} queries`)
    })

    test('leaves the gateway well', () => {
      assert.ok(scene.gateway.logs().every(({ msg }) => msg !== 'an exchange failed inside the gateway'))
    })
  })
}
