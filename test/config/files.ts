// Good config files that tests change in one place, and a stand-in for the registry.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import Type from 'typebox'
import type { BuildContext } from '../../config/context.ts'
import { type BuildResult, buildSnapshot } from '../../config/load.ts'
import type { ConfigFiles, JsonObject } from '../../gateway/contract/control-api.ts'
import { definePlugin, type PluginDefinition } from '../../gateway/contract/plugin.ts'
import type { Snapshot } from '../../gateway/contract/snapshot.ts'

export interface MutableFiles {
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into every corner of a config, wrong ones too
  gateway: any
  // biome-ignore lint/suspicious/noExplicitAny: as above
  routes: any
  // biome-ignore lint/suspicious/noExplicitAny: as above
  plugins: any
}

export function goodFiles(): MutableFiles {
  return {
    gateway: { listeners: [{ name: 'public', host: '127.0.0.1', port: 8000 }] },
    routes: {
      tenancy: { baseDomains: ['example.com'] },
      tenants: [
        { id: 'acme', hosts: ['api.acme.test'], plan: 'pro' },
        { id: 'globex', plan: 'free' },
      ],
      plans: { free: {}, pro: {} },
      upstreams: { api: { targets: [{ url: 'http://127.0.0.1:4000' }] } },
      routes: [
        {
          id: 'items',
          paths: ['/items/*'],
          upstream: 'api',
          roles: ['member'],
          permission: { resource: 'items' },
        },
        { id: 'open', paths: ['/open'], upstream: 'api', auth: 'none' },
      ],
    },
    plugins: {
      plugins: [
        { id: 'login', plugin: 'login' },
        { id: 'roles', plugin: 'roles' },
        { id: 'limit', plugin: 'limit', config: { limit: 5 } },
      ],
    },
  }
}

const closed = { additionalProperties: false } as const
const bare = { schema: Type.Object({}, closed), onFailure: 'deny', create: () => ({}) } as const

const login = definePlugin({
  ...bare,
  name: 'login',
  schema: Type.Object({ lenient: Type.Optional(Type.Boolean()) }, closed),
  provides: ['identity'],
  enforces: ['auth'],
  isLenient: ({ lenient }) => lenient === true,
})
const roles = definePlugin({ ...bare, name: 'roles', needs: ['identity'], enforces: ['roles', 'permission'] })
const limit = definePlugin({
  ...bare,
  name: 'limit',
  schema: Type.Object(
    {
      limit: Type.Integer({ minimum: 1 }),
      windowMs: Type.Integer({ default: 1000 }),
      on: Type.Boolean({ default: true }),
      key: Type.Array(Type.String(), { default: ['user'] }),
      steps: Type.Array(
        Type.Union([
          Type.Object({ kind: Type.Literal('wait'), ms: Type.Integer({ default: 10 }) }, closed),
          Type.Object({ kind: Type.Literal('stop'), status: Type.Integer({ default: 429 }) }, closed),
        ]),
        { default: [] },
      ),
    },
    closed,
  ),
  check: (config) => (config.limit === 13 ? [{ pointer: '/limit', message: '13 brings bad luck.' }] : []),
})

const known: readonly unknown[] = [login, roles, limit]

export const definitions = new Map((known as readonly PluginDefinition[]).map((one) => [one.name, one]))

export function build(files: MutableFiles, over: Partial<BuildContext> = {}): BuildResult {
  return buildSnapshot(files as ConfigFiles, {
    configDir: '/nowhere',
    variables: {},
    overrides: {},
    definitions,
    ...over,
  })
}

export function buildGood(files: MutableFiles, over: Partial<BuildContext> = {}): Omit<Snapshot, 'version'> {
  const built = build(files, over)
  if (!built.ok) throw new Error(JSON.stringify(built.problems, null, 1))
  return built.snapshot
}

/** `file#pointer message` of each problem. */
export function problemsOf(files: MutableFiles, over: Partial<BuildContext> = {}): string[] {
  const built = build(files, over)
  return built.ok ? [] : built.problems.map((one) => `${one.file}#${one.pointer} ${one.message}`)
}

export async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'aegis-config-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export async function writeFiles(folder: string, files: MutableFiles = goodFiles()): Promise<void> {
  for (const [name, content] of Object.entries(files) as [string, JsonObject][]) {
    await writeFile(join(folder, `${name}.json`), JSON.stringify(content))
  }
}

// biome-ignore lint/suspicious/noExplicitAny: rows write wrong configs
type Routes = any
type Change = (routes: Routes) => void
export type Rows = readonly (readonly [title: string, change: Change, pointer: string, sentence: string])[]
export type AcceptedRows = readonly (readonly [title: string, change: Change])[]

/** Changes the route `open`. */
export function route(over: object): Change {
  return (routes) => Object.assign(routes.routes[1], over)
}

/** One test a row: the change gives exactly one problem, at this pointer, with this in its sentence. */
export function refuseRoutes(rows: Rows): void {
  for (const [title, change, pointer, sentence] of rows) {
    test(`refuses ${title}`, () => {
      const files = goodFiles()
      change(files.routes)
      const problems = problemsOf(files)
      assert.equal(problems.length, 1, problems.join('\n'))
      const [problem = ''] = problems
      assert.ok(problem.startsWith(`routes.json#${pointer} `), problem)
      assert.ok(problem.includes(sentence), problem)
      assert.ok(!problem.includes('hunter2'), problem)
    })
  }
}

export function acceptRoutes(rows: AcceptedRows): void {
  for (const [title, change] of rows) {
    test(`accepts ${title}`, () => {
      const files = goodFiles()
      change(files.routes)
      assert.deepEqual(problemsOf(files), [])
    })
  }
}
