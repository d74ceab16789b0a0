// What the schema cannot say of the rules. Main thread, at load.
import { namesIn, Pattern } from './pattern.ts'
import { separators } from './rules.ts'
import type { ClientCertConfig, ClientCertRule } from './schema.ts'

type Problem = { pointer: string; message: string }

const conditions = ['uri', 'dns', 'commonName', 'subject', 'issuer', 'fingerprint'] as const
const patterned = ['uri', 'dns', 'commonName'] as const

export function checkRules({ rules }: ClientCertConfig): Problem[] {
  return rules.flatMap((rule, index) => checkRule(rule, `/rules/${index}`))
}

function checkRule(rule: ClientCertRule, at: string): Problem[] {
  if (conditions.every((name) => rule[name] === undefined)) {
    const message = `A rule without a condition would fit every certificate; name one of ${conditions.join(', ')}.`
    return [{ pointer: at, message }]
  }
  const named = patterned.filter((kind) => rule[kind] !== undefined)
  const known = new Set<string>(['subject', 'fingerprint', ...named])
  return [...checkPatterns(rule, at, known), ...checkTemplates(rule, at, known)]
}

/** Adds their names to those that are known. */
function checkPatterns(rule: ClientCertRule, at: string, known: Set<string>): Problem[] {
  const problems: Problem[] = []
  for (const kind of patterned) {
    const text = rule[kind]
    if (text === undefined) continue
    const pattern = new Pattern(text, separators[kind])
    const refuse = (message: string) => problems.push({ pointer: `${at}/${kind}`, message })
    if (pattern.isMalformed) refuse('A brace must belong to a whole part: `spiffe://acme/{service}`.')
    if (kind === 'dns' && /[A-Z]/.test(text.replaceAll(/\{\w+\}/g, '')))
      refuse('DNS names are compared in lower case.')
    for (const name of pattern.names) {
      if (known.has(name)) refuse(`{${name}} stands for something else already.`)
      known.add(name)
    }
  }
  return problems
}

function checkTemplates(rule: ClientCertRule, at: string, known: ReadonlySet<string>): Problem[] {
  const problems: Problem[] = []
  for (const member of ['userId', 'tenant'] as const) {
    for (const name of namesIn(rule[member])) {
      if (known.has(name)) continue
      const message = `{${name}} stands for nothing here; the rule knows ${[...known].map((one) => `{${one}}`).join(', ')}.`
      problems.push({ pointer: `${at}/${member}`, message })
    }
  }
  return problems
}
