// Exchanges as the pipeline leads them through the plugin, over a handful of rules.
import { fileURLToPath } from 'node:url'
import type { Verdict as HookVerdict } from '../../../gateway/contract/plugin.ts'
import { createView, type TestView } from '../../support/view.ts'
import { createTestWaf, type GivenConfig, type TestWaf } from './setup.ts'

/** One rule a kind: an argument, a header, a body, answers, and one that looks at every value. */
const rules = `
SecRule ARGS "@contains evil" "id:1,phase:2,deny,status:403,log,msg:'evil argument',logdata:'%{MATCHED_VAR}',tag:'a',severity:CRITICAL"
SecRule REQUEST_HEADERS:X-Evil "@rx ." "id:2,phase:1,deny,status:400,log,msg:'evil header'"
SecRule ARGS "@contains odd" "id:3,phase:2,pass,log,msg:'odd argument',setvar:'tx.blocking_inbound_anomaly_score=+3'"
SecRule TX:BLOCKING_PARANOIA_LEVEL "@ge 2" "id:4,phase:1,pass,log,msg:'level two'"
SecRule ARGS "@contains away" "id:5,phase:2,redirect:'https://example.com/',log,msg:'away'"
SecRule RESPONSE_STATUS "@eq 500" "id:6,phase:3,deny,status:502,log,msg:'broken'"
SecRule RESPONSE_BODY "@contains secret" "id:7,phase:4,deny,status:403,log,msg:'leak'"
SecRule ARGS "@unconditionalMatch" "id:8,phase:2,pass,nolog"
`

export const make = (over: GivenConfig = {}) =>
  createTestWaf({ setup: [rules], rules: [emptyRules], ...over })
/** A rule file with nothing in it that matters here. */
export const emptyRules = fileURLToPath(new URL('empty.conf', import.meta.url))

export function viewOf(over: Partial<TestView> = {}): TestView {
  const query = over.query ?? ''
  return createView({ rawTarget: `/items${query && `?${query}`}`, rawHeaders: ['Host', 'a'], ...over })
}

/** As the pipeline does it. */
export async function run({ plugin }: TestWaf, view: TestView): Promise<HookVerdict> {
  const verdict = (await plugin.onRequest?.(view)) ?? undefined
  if (verdict !== undefined) return verdict
  return (view.hasBody ? await plugin.onRequestBody?.(view) : undefined) ?? undefined
}

export async function answered({ plugin }: TestWaf, view: TestView): Promise<HookVerdict> {
  await plugin.onResponse?.(view)
  return view.inspectResponseUpTo < 0 ? undefined : ((await plugin.onResponseBody?.(view)) ?? undefined)
}

export const posted = (type: string, body: string, over: Partial<TestView> = {}) =>
  viewOf({
    ...{ method: 'POST', hasBody: true, body: Buffer.from(body) },
    rawHeaders: ['Host', 'a', 'Content-Type', type],
    ...over,
  })
