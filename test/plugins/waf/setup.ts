// A waf plugin with its rules, as the gateway makes it: checked on one side, its files replayed on the other.
import assert from 'node:assert/strict'
import { createFileRecorder } from '../../../config/plugin-files.ts'
import type { Plugin } from '../../../gateway/contract/plugin.ts'
import { replayFiles } from '../../../gateway/contract/recorded-files.ts'
import waf from '../../../plugins/waf/index.ts'
import type { WafConfig } from '../../../plugins/waf/schema.ts'
import { withDefaults } from '../../contract/subject.ts'
import { createTestPorts, type TestPorts } from '../../support/ports.ts'

export interface TestWaf {
  readonly plugin: Plugin
  readonly ports: TestPorts
  readonly config: WafConfig
  test(request: TestRequest, response?: object): Verdict
}

export interface TestRequest {
  readonly method?: string
  readonly uri?: string
  readonly headers?: readonly (readonly [string, string])[]
  readonly body?: string | Buffer
  readonly httpVersion?: string
}

export interface Verdict {
  readonly matched: readonly { id: number; phase: number; message: string; variable: string; data: string }[]
  readonly inboundScore: number
  readonly outboundScore: number
  readonly verdict: string
}

export type GivenConfig = Partial<WafConfig> | Readonly<Record<string, unknown>>

export interface SetupOptions {
  readonly configDir?: string
  readonly variables?: Readonly<Record<string, string>>
}

export function toConfig(given: GivenConfig): WafConfig {
  const { config, mistakes } = withDefaults(waf.schema, given)
  assert.deepEqual(mistakes, [])
  return config as WafConfig
}

/** What the main thread says of a config. */
export function problemsOf(given: GivenConfig, { configDir = '/', variables = {} }: SetupOptions = {}) {
  const config = toConfig(given)
  const problems = waf.check?.(config) ?? []
  return problems.length > 0
    ? problems
    : (waf.checkFiles?.(config, createFileRecorder({ configDir, variables })) ?? [])
}

export async function createTestWaf(given: GivenConfig, options: SetupOptions = {}): Promise<TestWaf> {
  const { configDir = '/', variables = {} } = options
  const config = toConfig(given)
  const recorder = createFileRecorder({ configDir, variables })
  assert.deepEqual(waf.checkFiles?.(config, recorder), [])
  const ports = createTestPorts({ files: replayFiles(recorder.recorded() ?? undefined) })
  const plugin = waf.create(config, ports)
  await plugin.start?.()
  return {
    plugin,
    ports,
    config,
    test: (request, response) =>
      plugin.onControl?.('test', {
        request: { method: 'GET', uri: '/', headers: usual, ...request, body: toBase64(request.body) },
        ...(response && { response }),
      }) as Verdict,
  }
}

const usual = [
  ['Host', 'acme.example.com'],
  ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'],
  ['Accept', 'application/json'],
] as const

function toBase64(body: string | Buffer | undefined): string {
  return Buffer.from(body ?? '').toString('base64')
}

/** A request with a body of this type. */
export function posted(type: string, body: string | Buffer): TestRequest {
  const length = String(Buffer.byteLength(body))
  return { method: 'POST', headers: [...usual, ['Content-Type', type], ['Content-Length', length]], body }
}

export function withHeader(name: string, value: string): TestRequest {
  return { headers: [...usual.filter(([known]) => known !== name), [name, value]] }
}
