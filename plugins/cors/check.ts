// What the schema of the cors plugin cannot say. Main thread, at load.
import { checkOrigin } from './origin.ts'
import type { CorsConfig, CorsSettings } from './schema.ts'

type Problem = { pointer: string; message: string }

export function checkCors(config: CorsConfig): Problem[] {
  const problems = checkSettings(config, config, '')
  for (const [tenant, own] of Object.entries(config.tenants)) {
    const at = `/tenants/${tenant.replaceAll('~', '~0').replaceAll('/', '~1')}`
    problems.push(...checkSettings(own, { ...config, ...own }, at))
  }
  return problems
}

/** `own` is what is written at that place, `effective` what it amounts to. */
function checkSettings(own: Partial<CorsSettings>, effective: CorsSettings, at: string): Problem[] {
  const problems: Problem[] = []
  own.origins?.forEach((origin, index) => {
    const message = checkOrigin(origin)
    if (message !== null) problems.push({ pointer: `${at}/origins/${index}`, message })
  })
  if (!effective.credentials) return problems
  for (const name of ['origins', 'methods', 'headers', 'exposeHeaders'] as const) {
    const star = effective[name].indexOf('*')
    if (star < 0) continue
    const message = `"*" in ${name} and credentials exclude each other; list the ${name} or turn credentials off`
    problems.push({ pointer: own[name] ? `${at}/${name}/${star}` : `${at}/credentials`, message })
  }
  if (effective.origins.includes('null')) {
    // Any page can make itself a sandboxed frame, whose origin is null.
    const message = '"null" and credentials exclude each other: every site can send Origin: null'
    problems.push({
      pointer: own.origins ? `${at}/origins/${own.origins.indexOf('null')}` : `${at}/credentials`,
      message,
    })
  }
  return problems
}
