// What an operator may write for the waf plugin.
import { type Static, Type } from 'typebox'

const modes = [Type.Literal('block'), Type.Literal('detect'), Type.Literal('off')]
const modeDescription = 'block: refuse what the rules refuse. detect: only report it. off: do not look.'
const paranoiaLevel = Type.Integer({
  minimum: 1,
  maximum: 4,
  description:
    'Of the OWASP Core Rule Set: how many of its rules run. Without it, what the rule files say (1).',
})
const threshold = (what: string, usual: number) =>
  Type.Integer({
    minimum: 1,
    maximum: 10_000,
    description: `Score from which on ${what} is refused. Without it, what the rule files say (${usual}).`,
  })
const levels = {
  paranoiaLevel: Type.Optional(paranoiaLevel),
  inboundThreshold: Type.Optional(threshold('a request', 5)),
  outboundThreshold: Type.Optional(threshold('an answer', 4)),
}

const rules = Type.Array(Type.String({ minLength: 1, maxLength: 4096 }), {
  maxItems: 100,
  default: [],
  description:
    'SecLang files in the order they are read: paths with `*` and `?`, relative to the config directory; `@crs`: the OWASP Core Rule Set of AEGIS_CRS_DIR, else of the package modsecurity-crs; `@baseline`: the small set that ships. Empty: `@crs` where AEGIS_CRS_DIR is set, else `@baseline`.',
})
const setup = Type.Array(Type.String({ maxLength: 1_000_000 }), {
  maxItems: 100,
  default: [],
  description: 'SecLang text that is read before the rule files.',
})

const exclusion = Type.Object(
  {
    ruleIds: Type.Array(
      Type.Union([
        Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
        Type.String({ pattern: '^[0-9]{1,15}-[0-9]{1,15}$' }),
      ]),
      { default: [], description: 'Rules by number, or by range such as "942000-942999".' },
    ),
    tags: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      description: 'Rules by a tag of theirs.',
    }),
    targets: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      description: 'What these rules do not look at, such as `ARGS:q`. Empty: the rules do not run.',
    }),
    routes: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      description: 'Only on these routes; empty: on all.',
    }),
    tenants: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      description: 'Only for these tenants; empty: for all.',
    }),
  },
  { additionalProperties: false },
)

const tenant = Type.Object(
  { mode: Type.Optional(Type.Union(modes, { description: modeDescription })), ...levels },
  { additionalProperties: false },
)

const bytes = (most: number, usual: number, description: string) =>
  Type.Integer({ minimum: 1, maximum: most, default: usual, description })

export const wafSchema = Type.Object(
  {
    mode: Type.Union(modes, { default: 'block', description: modeDescription }),
    rules,
    setup,
    ...levels,
    exclusions: Type.Array(exclusion, {
      maxItems: 1_000,
      default: [],
      description:
        'Rules, or parts of requests, that are left out: where rules are wrong about an application.',
    }),
    tenants: Type.Record(Type.String({ minLength: 1 }), tenant, {
      default: {},
      description: 'Another mode, level or threshold for single tenants.',
    }),
    bodyLimitBytes: bytes(
      16 << 20,
      131_072,
      'How much of a request body is held and inspected before any of it goes up. It is held in memory.',
    ),
    uploadLimitBytes: bytes(
      64 << 20,
      10_485_760,
      'The same for multipart/form-data, whose files make it long; what is in them is not inspected.',
    ),
    onBodyLimit: Type.Union([Type.Literal('reject'), Type.Literal('partial')], {
      default: 'reject',
      description:
        'A form, JSON, XML or multipart body that is longer. reject: 413, for an attack could stand behind the limit. partial: what fits is inspected. Bodies of other types are not parsed and always pass.',
    }),
    responseBody: Type.Boolean({
      default: false,
      description:
        'Inspect bodies of answers too: they are held back up to `responseBodyLimitBytes`, and upstreams are asked not to compress them.',
    }),
    responseBodyLimitBytes: bytes(
      16 << 20,
      524_288,
      'How much of an answer is held back and inspected; what is longer streams on behind that.',
    ),
    responseBodyTypes: Type.Array(Type.String({ pattern: '^[a-z0-9.+-]+/[a-z0-9.+-]+$' }), {
      maxItems: 50,
      default: ['text/plain', 'text/html', 'text/xml', 'application/json', 'application/xml'],
      description: 'Media types of answers that are inspected; all others stream through.',
    }),
    budgetMs: Type.Number({
      minimum: 1,
      maximum: 10_000,
      default: 100,
      description:
        'Time that the rules may take for one request, in ms; nothing else runs on that worker meanwhile.',
    }),
    onBudget: Type.Union([Type.Literal('block'), Type.Literal('detect')], {
      default: 'block',
      description:
        'When the time is used up. block: 403, for what was not looked at may be an attack. detect: the request passes and is reported.',
    }),
    logData: Type.Boolean({
      default: false,
      description:
        'Say in events and audit records what matched, not only where: it may hold passwords and personal data.',
    }),
    audit: Type.Union([Type.Literal('off'), Type.Literal('relevant'), Type.Literal('all')], {
      default: 'off',
      description:
        'Audit records in the log: of requests with a match that is to be logged, or of all. Values only with `logData`.',
    }),
    auditParts: Type.String({
      pattern: '^[A-KZ]+$',
      default: 'ABFHZ',
      description:
        "Parts of an audit record by ModSecurity's letters: B request headers, C or I request body, E response body, F response headers, H what happened, K all rules that matched.",
    }),
    dryRun: Type.Optional(
      Type.Object(
        { rules, setup, ...levels },
        {
          additionalProperties: false,
          description: 'A second rule set that only reports, beside the one that decides: to try an upgrade.',
        },
      ),
    ),
  },
  { additionalProperties: false },
)

export type WafConfig = Static<typeof wafSchema>
export type RuleSource = Pick<WafConfig, 'rules' | 'setup'>
export type Levels = Pick<WafConfig, 'paranoiaLevel' | 'inboundThreshold' | 'outboundThreshold'>
