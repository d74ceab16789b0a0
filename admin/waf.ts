// /admin/waf: the rules that run, and what they would say of a request. Main thread.
import { Type } from '@fastify/type-provider-typebox'
import type { JsonObject } from '../gateway/contract/control-api.ts'
import { reasonsOf } from './answers.ts'
import type { AdminApp, AdminContext } from './context.ts'
import { pageOf, pageQuery, pageSchema } from './paging.ts'
import { HttpProblem } from './problems.ts'
import { querySchema } from './route-schemas.ts'

const tag = ['waf']
const closed = { additionalProperties: false } as const
const headers = Type.Optional(
  Type.Array(Type.Array(Type.String({ maxLength: 65_536 }), { minItems: 2, maxItems: 2 }), {
    maxItems: 1_000,
    description: '`[name, value]` in order, with repeats.',
  }),
)
const body = Type.Optional(
  Type.String({ pattern: '^[A-Za-z0-9+/_-]*={0,2}$', description: 'The bytes in base64.' }),
)
const testSchema = Type.Object(
  {
    request: Type.Object(
      {
        method: Type.String({ minLength: 1, maxLength: 1_000 }),
        uri: Type.String({
          maxLength: 1_000_000,
          description: 'The request target, as on the request line.',
        }),
        httpVersion: Type.Optional(Type.String({ maxLength: 20, description: '`1.1` without it.' })),
        headers,
        body,
        clientIp: Type.Optional(Type.String({ maxLength: 45 })),
      },
      closed,
    ),
    response: Type.Optional(Type.Object({ status: Type.Integer(), headers, body }, closed)),
    config: Type.Optional(
      Type.Unsafe<JsonObject>({
        type: 'object',
        description: "In place of the live plugin's config, in the form of plugins.json.",
      }),
    ),
    route: Type.Optional(Type.String({ description: 'As if the request had met this route.' })),
    tenant: Type.Optional(Type.String({ description: 'As if it were this tenant’s.' })),
  },
  closed,
)
const matchSchema = Type.Object({
  id: Type.Integer(),
  phase: Type.Integer(),
  message: Type.String(),
  variable: Type.String({ description: 'What matched last, such as `ARGS:q`.' }),
  data: Type.String({ description: 'What the rule says about it (logdata).' }),
})
const answerSchema = Type.Object({
  matched: Type.Array(matchSchema, { description: 'Rules that log, in the order they matched.' }),
  inboundScore: Type.Integer(),
  outboundScore: Type.Integer(),
  verdict: Type.Union([Type.Literal('allow'), Type.Literal('detect'), Type.Literal('block')], {
    description: 'detect: it would be refused, were it not for the mode or a rule that says to detect only.',
  }),
})
const ruleSchema = Type.Object({
  instance: Type.String({ description: 'Entry of plugins.json.' }),
  id: Type.Integer(),
  file: Type.String(),
  line: Type.Integer(),
  phase: Type.Integer(),
  level: Type.Union([Type.Integer(), Type.Null()], {
    description: 'Paranoia level, where the rule has one.',
  }),
  message: Type.String(),
  tags: Type.Array(Type.String()),
  hits: Type.Integer({ description: 'Matches in all workers since the rules were loaded.' }),
})

export function registerWaf(app: AdminApp, context: AdminContext): void {
  registerRules(app, context)
  registerTest(app, context)
}

function registerRules(app: AdminApp, { control }: AdminContext): void {
  app.get(
    '/admin/waf/rules',
    {
      config: { access: 'viewer' },
      schema: {
        tags: tag,
        summary: 'List the rules that run, with their hits',
        querystring: querySchema({
          ...pageQuery,
          id: Type.Optional(Type.Integer({ description: 'Only this rule.' })),
          tag: Type.Optional(Type.String({ description: 'Only rules with this tag.' })),
        }),
        response: { 200: pageSchema(ruleSchema) },
      },
    },
    async (request) => {
      const { id, tag } = request.query
      const answers = await control.askPlugin('waf', 'rules', {})
      if (answers.length === 0) throw nobody()
      const rules = sumHits(answers).filter(
        (rule) => (id === undefined || rule.id === id) && (tag === undefined || rule.tags.includes(tag)),
      )
      return pageOf(rules, (rule) => `${rule.instance} ${rule.id}`, request.query)
    },
  )
}

interface RuleEntry {
  readonly instance: string
  readonly id: number
  readonly tags: readonly string[]
  readonly hits: number
}

/** Every worker gives the same list, with the hits of its own. */
function sumHits(answers: readonly unknown[]): RuleEntry[] {
  const summed = new Map<string, RuleEntry>()
  for (const answer of answers) {
    for (const rule of (answer as { entries?: readonly RuleEntry[] }).entries ?? []) {
      const key = `${rule.instance} ${rule.id}`
      const known = summed.get(key)
      summed.set(key, known === undefined ? rule : { ...known, hits: known.hits + rule.hits })
    }
  }
  return [...summed.values()]
}

function registerTest(app: AdminApp, { control }: AdminContext): void {
  app.post(
    '/admin/waf/test',
    {
      config: { access: 'operator' },
      schema: {
        tags: tag,
        summary: 'Run a request through the rules, and an answer to it; nothing is sent anywhere',
        description:
          'Runs in one worker as the plugin does, with the config that is live or with another one. The body of an answer is inspected also where `responseBody` is off.',
        body: testSchema,
        response: { 200: answerSchema },
      },
    },
    async (request) => {
      const { config, ...test } = request.body
      const outcome = await control.tryPlugin('waf', config ?? null, 'test', test)
      if (outcome.kind === 'nobody') throw nobody()
      if (outcome.kind === 'answer') return answerOf(outcome.value)
      const errors = outcome.problems.map(({ pointer, message }) => ({
        in: 'body' as const,
        pointer: `/config${pointer}`,
        detail: message,
      }))
      throw new HttpProblem(422, 'INVALID', 'This config of the waf plugin cannot be used.', { errors })
    },
  )
}

function answerOf(value: unknown) {
  // Nothing to run: the instance is being closed.
  if (reasonsOf([value]).length > 0) throw nobody()
  return value as never
}

function nobody(): HttpProblem {
  return new HttpProblem(
    404,
    'NOT_FOUND',
    'No enabled plugin runs WAF rules; give a config, or add the plugin waf to plugins.json.',
  )
}
