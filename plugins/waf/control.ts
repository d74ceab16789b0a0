// What an operator asks of the rules: `rules` of GET /admin/waf/rules and `test` of POST /admin/waf/test. Worker thread.
import type { PluginPorts } from '../../gateway/contract/ports.ts'
import type { Engine } from './engine.ts'
import { Inspection, toPairs } from './inspection.ts'
import { createPolicies } from './policy.ts'
import type { WafConfig } from './schema.ts'

type Args = Readonly<Record<string, unknown>>

/** What is asked is what the rules say, not whether they say it in time. */
const testBudgetMs = 5_000

/** One rule as an operator sees it. */
export interface RuleEntry {
  readonly instance: string
  readonly id: number
  readonly file: string
  readonly line: number
  readonly phase: number
  /** Paranoia level; null for a rule that names none. */
  readonly level: number | null
  readonly message: string
  readonly tags: readonly string[]
  /** Of this worker, since the rules were loaded. */
  readonly hits: number
}

/** A request as POST /admin/waf/test takes it; checked there. */
export interface TestCase {
  readonly request: TestRequest
  readonly response?: TestResponse
  readonly route?: string
  readonly tenant?: string
}

interface TestRequest {
  readonly method: string
  readonly uri: string
  readonly httpVersion?: string
  readonly headers?: readonly (readonly [string, string])[]
  /** base64 */
  readonly body?: string
  readonly clientIp?: string
}

interface TestResponse {
  readonly status: number
  readonly headers?: readonly (readonly [string, string])[]
  readonly body?: string
}

export function createControl(
  config: WafConfig,
  ports: Pick<PluginPorts, 'id'>,
  engine: () => Engine | null,
) {
  const policies = createPolicies(config)
  return (operation: string, args: Args): unknown => {
    const current = engine()
    if (current === null) return { error: 'the rules are not loaded' }
    if (operation === 'rules') return { entries: listRules(current, ports.id) }
    if (operation !== 'test') throw new Error(`waf answers "rules" and "test", not "${operation}"`)
    const test = args as unknown as TestCase
    const tenant = test.tenant ?? null
    const inspection = new Inspection(current, {
      config,
      policy: policies.of(tenant),
      route: test.route ?? '',
      tenant,
      requestId: '',
      budgetMs: testBudgetMs,
      silent: false,
      // A body of an answer is given to be looked at.
      responseBody: true,
    })
    runTest(inspection, test)
    return toAnswer(inspection, policies.of(tenant).mode)
  }
}

function runTest(inspection: Inspection, { request, response }: TestCase): void {
  const refused = inspection.readHead({
    method: toBytes(request.method),
    rawTarget: toBytes(request.uri),
    path: null,
    httpVersion: (request.httpVersion ?? '1.1').replace(/^HTTP\//i, ''),
    rawHeaders: toFlat(request.headers),
    clientIp: request.clientIp ?? '127.0.0.1',
  })
  const stopped = refused ?? inspection.readBody(Buffer.from(request.body ?? '', 'base64'), true)
  if (stopped === null && response !== undefined) {
    inspection.readResponse(response.status, () => toPairs(toFlat(response.headers)))
    inspection.readResponseBody(Buffer.from(response.body ?? '', 'base64'), true)
  }
  inspection.finish()
}

function toAnswer(inspection: Inspection, mode: WafConfig['mode']) {
  const { transaction, decision } = inspection
  return {
    matched: inspection.matches.map(({ id, phase, message, variable, data }) => ({
      id,
      phase,
      message: toText(message),
      variable: toText(variable),
      data: toText(data),
    })),
    inboundScore: transaction.inboundScore,
    outboundScore: transaction.outboundScore,
    verdict: mode === 'off' ? 'allow' : decision,
  }
}

function listRules({ waf }: Engine, instance: string): RuleEntry[] {
  return waf.plan.rules.map(({ rule, index }) => ({
    instance,
    id: rule.id,
    file: rule.file,
    line: rule.line,
    phase: rule.phase,
    level: levelOf(rule.tags),
    message: rule.message === null ? '' : rule.message.text,
    tags: rule.tags,
    hits: waf.hits[index] ?? 0,
  }))
}

function levelOf(tags: readonly string[]): number | null {
  const level = tags.find((tag) => tag.startsWith('paranoia-level/'))?.slice('paranoia-level/'.length)
  return level === undefined ? null : Number(level)
}

function toFlat(headers: TestRequest['headers']): string[] {
  return (headers ?? []).flatMap(([name, value]) => [toBytes(name), toBytes(value)])
}

/** JSON holds text; rules look at bytes. */
function toBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

function toText(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8')
}
