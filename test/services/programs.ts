// The programs that tests run, one line each. Read by prepare.ts. A program that is missing here makes its tests fail
// on a fresh machine, so whoever adds a test with a new program adds its line.

export interface Program {
  readonly name: string
  readonly usedFor: string
  /** Shell commands; the program is there when one of them succeeds. */
  readonly anyOf: readonly string[]
  /** Debian package. */
  readonly debian: string
}

export const programs: readonly Program[] = [
  {
    name: 'Prometheus with promtool',
    usedFor: 'scraping /metrics for real, and checking metrics, rules and configuration',
    anyOf: ['command -v prometheus && command -v promtool'],
    debian: 'prometheus',
  },
  {
    name: 'Redis',
    usedFor: 'state that several gateways share: limits, decisions, revocations, and all its failures',
    anyOf: ['command -v redis-server && command -v redis-cli'],
    debian: 'redis-server redis-tools',
  },
  {
    name: 'Docker Compose',
    usedFor: 'checking docker-compose.yml; no engine is needed',
    anyOf: ['command -v docker-compose', 'docker compose version'],
    debian: 'docker-compose',
  },
]
