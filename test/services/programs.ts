// The programs that tests run, one line each. Read by prepare.ts. A program that is missing here makes its tests fail
// on a fresh machine, so whoever adds a test with a new program adds its line.

import { fetchConsul, unpackedConsul } from './consul-program.ts'

export interface Program {
  readonly name: string
  readonly usedFor: string
  /** Shell commands; the program is there when one of them succeeds. */
  readonly anyOf: readonly string[]
  /** Debian packages, one a word. */
  readonly debian: readonly string[]
  /** For what this Debian has no package of: gets it by other means, false when it cannot. */
  readonly fetch?: () => boolean
  /** What to do where `fetch` fails. */
  readonly advice?: string
}

export const programs: readonly Program[] = [
  {
    name: 'Prometheus with promtool',
    usedFor: 'scraping /metrics for real, and checking metrics, rules and configuration',
    anyOf: ['command -v prometheus && command -v promtool'],
    debian: ['prometheus'],
  },
  {
    name: 'Redis',
    usedFor: 'state that several gateways share: limits, decisions, revocations, and all its failures',
    anyOf: ['command -v redis-server && command -v redis-cli'],
    debian: ['redis-server', 'redis-tools'],
  },
  {
    name: 'OWASP CRS 3.3',
    usedFor: 'loading and running it in the WAF engine',
    anyOf: ['test -f /usr/share/modsecurity-crs/rules/REQUEST-901-INITIALIZATION.conf'],
    debian: ['modsecurity-crs'],
  },
  {
    name: 'OpenSSL',
    usedFor: 'making certificates for TLS',
    anyOf: ['command -v openssl'],
    debian: ['openssl'],
  },
  {
    name: 'curl with HTTP/2',
    usedFor: 'HTTP/2 as a client outside of Node.js speaks it',
    anyOf: ['curl --version | grep -q HTTP2'],
    debian: ['curl'],
  },
  {
    name: 'libfaketime',
    usedFor: 'moving the wall clock of a running gateway',
    anyOf: ['ls /usr/lib/*/faketime/libfaketimeMT.so.1'],
    debian: ['libfaketime'],
  },
  {
    name: 'Docker Compose',
    usedFor: 'checking docker-compose.yml; no engine is needed',
    anyOf: ['command -v docker-compose', 'docker compose version'],
    debian: ['docker-compose'],
  },
  {
    name: 'Consul',
    usedFor: 'discovery and config in Consul, against a real agent',
    anyOf: ['command -v consul', `test -x '${unpackedConsul}'`],
    debian: ['consul'],
    fetch: fetchConsul,
    advice: `Debian 12 has no package: unpack that of Debian 11, or HashiCorp's, so that "consul" is in PATH or at ${unpackedConsul}`,
  },
]
