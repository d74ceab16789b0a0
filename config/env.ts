// The only reader of flags and environment variables. Main thread; called once by gateway/main.ts.
import { resolve } from 'node:path'

export interface EnvironmentOverrides {
  /** Port of the first listener. */
  readonly port?: number
  readonly adminPort?: number
  readonly workers?: number | 'auto'
  /** A bearer token of the admin API, with the role admin; plain text. */
  readonly adminToken?: string
  readonly jwtSecret?: string
  /** Origin of the Consul agent. */
  readonly consulUrl?: string
  /** Absolute. */
  readonly stateDir?: string
  readonly redisUrl?: string
}

export interface Environment {
  /** Absolute. */
  readonly configDir: string
  /** Validate and exit. */
  readonly check: boolean
  /** Print `usage` and exit. */
  readonly help: boolean
  readonly overrides: EnvironmentOverrides
  /** All environment variables, for placeholders. */
  readonly variables: Readonly<Record<string, string>>
}

/** Wrong flags or variables; the message lists all of them. */
export class UsageError extends Error {
  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'UsageError'
  }
}

export const usage = `Usage: node gateway/main.ts [--config DIR] [--check] [--help]

  --config DIR   directory of gateway.json, routes.json and plugins.json (default: config)
  --check        check the config, say what is wrong with it, and exit with 0 or 1
  --help         print this text

Environment variables:
  AEGIS_CONFIG_DIR    like --config, which wins
  AEGIS_PORT          port of the first listener (also: API_GATEWAY_PORT)
  AEGIS_ADMIN_PORT    port of the admin API
  AEGIS_WORKERS       worker threads, 1 to 64 or "auto"
  AEGIS_ADMIN_TOKEN   bearer token of the admin API, with the role admin
  AEGIS_CRS_DIR       where the OWASP Core Rule Set lies, for the plugin waf
  AEGIS_STATE_DIR     where the last good config and its history are kept
  CONSUL_URL          origin of the Consul agent, such as http://127.0.0.1:8500
  REDIS_URL           Redis that keeps the state which gateways share
  JWT_SECRET          fills in "\${JWT_SECRET}" of the shipped config

Every other variable can be used in the config as "\${NAME}" or "\${NAME:-default}".
`

type Variables = Readonly<Record<string, string | undefined>>

/** Throws a UsageError. An empty variable counts as not set. */
export function readEnvironment(argv: readonly string[], env: Variables = process.env): Environment {
  const problems: string[] = []
  const flags = readFlags(argv, problems)
  const variables: Record<string, string> = Object.create(null)
  for (const [name, value] of Object.entries(env)) if (value !== undefined) variables[name] = value
  const overrides = readOverrides(variables, problems)
  if (problems.length > 0) throw new UsageError(problems)
  return {
    configDir: resolve(flags.configDir ?? given(variables, 'AEGIS_CONFIG_DIR') ?? 'config'),
    check: flags.check,
    help: flags.help,
    overrides,
    variables,
  }
}

interface Flags {
  configDir: string | null
  check: boolean
  help: boolean
}

function readFlags(argv: readonly string[], problems: string[]): Flags {
  const flags: Flags = { configDir: null, check: false, help: false }
  const rest = [...argv]
  for (let flag = rest.shift(); flag !== undefined; flag = rest.shift()) {
    const [name, joined] = splitFlag(flag)
    if (flag === '--check') flags.check = true
    else if (flag === '--help' || flag === '-h') flags.help = true
    else if (name === '--config') {
      const value = joined ?? (rest[0]?.startsWith('--') ? undefined : rest.shift())
      if (value === undefined || value === '') problems.push('--config needs a directory: --config DIR.')
      else flags.configDir = value
    } else problems.push(`Unknown flag "${flag}". Known flags: --config DIR, --check, --help.`)
  }
  return flags
}

/** `--config=DIR` is read like `--config DIR`. */
function splitFlag(flag: string): [name: string, value: string | undefined] {
  const mark = flag.indexOf('=')
  return mark < 0 ? [flag, undefined] : [flag.slice(0, mark), flag.slice(mark + 1)]
}

function readOverrides(variables: Variables, problems: string[]): EnvironmentOverrides {
  const number = (name: string, least: number, most: number): number | undefined => {
    const text = given(variables, name)
    if (text === undefined) return undefined
    const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN
    if (value >= least && value <= most) return value
    problems.push(`${name} must be a whole number from ${least} to ${most}; found "${text}".`)
    return undefined
  }
  const alias = number('API_GATEWAY_PORT', 0, 65_535)
  const port = number('AEGIS_PORT', 0, 65_535) ?? alias
  const adminPort = number('AEGIS_ADMIN_PORT', 0, 65_535)
  const auto = given(variables, 'AEGIS_WORKERS') === 'auto'
  const workers = auto ? ('auto' as const) : number('AEGIS_WORKERS', 1, 64)
  const adminToken = given(variables, 'AEGIS_ADMIN_TOKEN')
  const jwtSecret = given(variables, 'JWT_SECRET')
  const consulUrl = given(variables, 'CONSUL_URL')
  const stateDir = given(variables, 'AEGIS_STATE_DIR')
  const redisUrl = given(variables, 'REDIS_URL')
  if (adminToken !== undefined && !/^[!-~]{16,}$/.test(adminToken)) {
    problems.push('AEGIS_ADMIN_TOKEN must have at least 16 characters, all printable ASCII without spaces.')
  }
  if (redisUrl !== undefined && !/^rediss?:\/\/./.test(redisUrl)) {
    problems.push('REDIS_URL must begin with redis:// or rediss://.')
  }
  return {
    ...(port === undefined ? {} : { port }),
    ...(adminPort === undefined ? {} : { adminPort }),
    ...(workers === undefined ? {} : { workers }),
    ...(adminToken === undefined ? {} : { adminToken }),
    ...(jwtSecret === undefined ? {} : { jwtSecret }),
    ...(consulUrl === undefined ? {} : { consulUrl }),
    ...(stateDir === undefined ? {} : { stateDir: resolve(stateDir) }),
    ...(redisUrl === undefined ? {} : { redisUrl }),
  }
}

function given(variables: Variables, name: string): string | undefined {
  const value = variables[name]
  return value === '' ? undefined : value
}
