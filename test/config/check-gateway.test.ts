// Rules about gateway.json.
import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { test } from 'node:test'
import { isAddressOrRange } from '../../config/check/gateway.ts'
import { build, buildGood, goodFiles, problemsOf } from './files.ts'

// biome-ignore lint/suspicious/noExplicitAny: rows write wrong configs
type Gateway = any
const set = (over: object) => (gateway: Gateway) => Object.assign(gateway, over)
const pairFor = (...hosts: string[]) => ({ hosts, certFile: 'a.crt', keyFile: 'a.key' })
const setTls = (over: object) => (gateway: Gateway) => {
  gateway.listeners[0].tls = { certificates: [pairFor('a.test')], ...over }
}
const hash = 'a'.repeat(64)

const refused: [title: string, change: (gateway: Gateway) => void, pointer: string, sentence: string][] = [
  [
    'a key of a later version',
    set({ telemetry: { url: 'x' } }),
    '/telemetry',
    'Unknown key "telemetry". Allowed keys: listeners, workers, admin,',
  ],
  [
    'TLS without certificates',
    setTls({ certificates: [] }),
    '/listeners/0/tls/certificates',
    'Listener "public": "certificates" must hold at least one entry.',
  ],
  [
    'HTTP/2 without TLS on a listener with TLS',
    (file) => {
      setTls({})(file)
      Object.assign(file.listeners[0], { http2: true })
    },
    '/listeners/0/http2',
    'This is for listeners without TLS; here it is "http2" of "tls".',
  ],
  [
    'an old version of TLS',
    setTls({ minVersion: '1.1' }),
    '/listeners/0/tls/minVersion',
    'must be "1.2" or "1.3"; found "1.1"',
  ],
  [
    'client certificates of nobody',
    setTls({ clientAuth: 'require' }),
    '/listeners/0/tls/clientCa',
    'clientAuth "require" needs "clientCa"',
  ],
  [
    'issuers of client certificates that nobody asks for',
    setTls({ clientCa: 'ca.crt' }),
    '/listeners/0/tls/clientAuth',
    'set clientAuth to "request" or "require"',
  ],
  [
    'two certificates for one host',
    setTls({ certificates: [pairFor('a.test'), pairFor('A.test')] }),
    '/listeners/0/tls/certificates/1/hosts/0',
    'The certificates number 1 and 2 are both for "A.test".',
  ],
  [
    'a certificate for a host that is none',
    setTls({ certificates: [pairFor('a.*.test')] }),
    '/listeners/0/tls/certificates/0/hosts/0',
    '"a.*.test" is no host: "*" can only be the whole first label',
  ],
  ['no listener', set({ listeners: [] }), '/listeners', '"listeners" must hold at least one entry.'],
  [
    'a port out of range',
    (g) => {
      g.listeners[0].port = 65_536
    },
    '/listeners/0/port',
    'Listener "public": "port" must be a whole number from 0 to 65535; found 65536.',
  ],
  [
    'half a port',
    (g) => {
      g.listeners[0].port = 80.5
    },
    '/listeners/0/port',
    'a whole number from 0 to 65535; found 80.5.',
  ],
  [
    'two listeners of one name',
    (g) => {
      g.listeners.push({ name: 'public', port: 0 })
    },
    '/listeners/1/name',
    'Two listeners are called "public"',
  ],
  [
    'two listeners on one port',
    (g) => {
      g.listeners.push({ name: 'b', port: 8000 })
    },
    '/listeners/1/port',
    'The listener "b" and the listener "public" both want port 8000.',
  ],
  [
    "the admin API on a listener's port",
    set({ admin: { port: 8000 } }),
    '/admin/port',
    'The admin API and the listener "public" both want port 8000.',
  ],
  [
    'a listener on the default port of the admin API',
    (g) => {
      g.listeners[0].port = 3001
    },
    '/admin',
    'The admin API and the listener "public" both want port 3001.',
  ],
  [
    "the demo backend on a listener's port",
    set({ demo: { backendPort: 8000, tenant: 'acme' } }),
    '/demo/backendPort',
    'both want port 8000',
  ],
  [
    'a host that is none',
    (g) => {
      g.listeners[0].host = 'a b'
    },
    '/listeners/0/host',
    '"a b" is neither an address nor a host name',
  ],
  [
    'a number of workers above the cap',
    set({ workers: 65 }),
    '/workers',
    '"workers" must be "auto" or a whole number from 1 to 64; found 65.',
  ],
  [
    'workers in words',
    set({ workers: 'many' }),
    '/workers',
    '"workers" must be "auto" or a whole number from 1 to 64; found "many".',
  ],
  [
    'a proxy that is no address',
    set({ trustedProxies: ['10.0.0.0/8', 'proxy.local'] }),
    '/trustedProxies/1',
    '"proxy.local" is neither an IP address nor a CIDR range',
  ],
  [
    'an unknown role',
    set({ admin: { tokens: [{ name: 'a', role: 'root', sha256: hash }] } }),
    '/admin/tokens/0/role',
    '"role" must be "viewer", "operator" or "admin"; found "root".',
  ],
  [
    'a token in plain text',
    set({ admin: { tokens: [{ name: 'a', role: 'admin', sha256: 'secret' }] } }),
    '/admin/tokens/0/sha256',
    '"sha256" must be the SHA-256 of the token, 64 lower-case hex digits',
  ],
  [
    'two tokens of one name',
    set({
      admin: {
        tokens: [
          { name: 'a', role: 'admin', sha256: hash },
          { name: 'a', role: 'viewer', sha256: 'b'.repeat(64) },
        ],
      },
    }),
    '/admin/tokens/1/name',
    'Two admin tokens are called "a"',
  ],
  [
    'one token twice',
    set({
      admin: {
        tokens: [
          { name: 'a', role: 'admin', sha256: hash },
          { name: 'b', role: 'viewer', sha256: hash },
        ],
      },
    }),
    '/admin/tokens/1/sha256',
    'Two admin tokens are the same token',
  ],
  [
    'an unknown log level',
    set({ log: { level: 'warning' } }),
    '/log/level',
    'must be "trace", "debug", "info", "warn", "error" or "silent"; found "warning".',
  ],
  [
    'a time-out longer than timers can wait',
    set({ timeouts: { idleMs: 2 ** 40 } }),
    '/timeouts/idleMs',
    'a whole number from 1 to 86400000',
  ],
  [
    'a list where an object belongs',
    set({ limits: [] }),
    '/limits',
    '"limits" must be an object; found a list.',
  ],
]

for (const [title, change, pointer, sentence] of refused) {
  test(`refuses ${title}`, () => {
    const files = goodFiles()
    change(files.gateway)
    const problems = problemsOf(files)
    assert.equal(problems.length, 1, problems.join('\n'))
    const [problem = ''] = problems
    assert.ok(problem.startsWith(`gateway.json#${pointer} `), problem)
    assert.ok(problem.includes(sentence), problem)
  })
}

const addresses: [text: string, good: boolean][] = [
  ['10.0.0.1', true],
  ['10.0.0.0/8', true],
  ['0.0.0.0/0', true],
  ['::1', true],
  ['fd00::/8', true],
  ['::ffff:10.0.0.0/104', true],
  ['10.0.0.0/33', false],
  ['::/129', false],
  ['10.0.0.0/', false],
  ['10.0.0.0/08', false],
  ['10.0.0.0/-1', false],
  ['10.0.0/8', false],
  ['010.0.0.1', false],
  ['fe80::1%eth0', false],
  ['/8', false],
  ['', false],
]
for (const [text, good] of addresses) {
  test(`${JSON.stringify(text)} is ${good ? 'an' : 'no'} address or range`, () =>
    assert.equal(isAddressOrRange(text), good))
}

test('port 0 is free for all, and different addresses can share a port', () => {
  const files = goodFiles()
  files.gateway.listeners = [
    { name: 'a', port: 0 },
    { name: 'b', port: 0 },
    { name: 'c', host: '127.0.0.1', port: 9000 },
    { name: 'd', host: '127.0.0.2', port: 9000 },
    { name: 'e', host: '::1', port: 9000 },
  ]
  assert.deepEqual(problemsOf(files), [])
})

test('trusting the whole internet is a warning', () => {
  const files = goodFiles()
  files.gateway.trustedProxies = ['::/0']
  const built = build(files)
  assert.ok(built.ok)
  assert.match(built.warnings.join(), /trustedProxies holds ::\/0/)
})

test('defaults are filled in and paths are absolute, relative to the config directory', () => {
  const files = goodFiles()
  files.gateway.log = { file: 'logs/a.log' }
  const { gateway } = buildGood(files, { configDir: '/etc/aegis' })
  assert.deepEqual(gateway, {
    listeners: [{ name: 'public', host: '127.0.0.1', port: 8000, http2: false, tls: null }],
    workers: Math.min(64, availableParallelism()),
    admin: { host: '127.0.0.1', port: 3001, tokens: [] },
    trustedProxies: [],
    limits: {
      headerBytes: 16_384,
      headerCount: 100,
      urlBytes: 8192,
      bodyBytes: 10_485_760,
      connections: 50_000,
      connectionsPerIp: 0,
      requestsPerConnection: 0,
      http2: {
        streams: 100,
        windowBytes: 262_144,
        connectionWindowBytes: 1_048_576,
        resetsPerMinute: 200,
        emptyFramesPerMinute: 2000,
      },
      eventLoopLagMs: 500,
      workerBlockedMs: 10_000,
      workerHeapMb: 2048,
    },
    timeouts: { headersMs: 10_000, requestMs: 60_000, idleMs: 75_000, drainTimeoutMs: 30_000 },
    log: {
      level: 'info',
      access: 'stdout',
      file: '/etc/aegis/logs/a.log',
      rotateBytes: 52_428_800,
      rotateKeep: 5,
    },
    stateDir: '/etc/aegis/.aegis',
    redis: null,
    demo: null,
    consul: null,
    configSource: null,
  })
})

test('what the environment says wins over the file', () => {
  const files = goodFiles()
  files.gateway.listeners.push({ name: 'second', port: 8001 })
  const overrides = {
    port: 0,
    adminPort: 0,
    workers: 2,
    stateDir: '/state',
    adminToken: 'a-long-enough-token',
  }
  const { gateway } = buildGood(files, { overrides })
  assert.deepEqual(
    gateway.listeners.map((one) => one.port),
    [0, 8001],
  )
  assert.equal(gateway.admin.port, 0)
  assert.equal(gateway.workers, 2)
  assert.equal(gateway.stateDir, '/state')
  assert.deepEqual(gateway.admin.tokens, [
    {
      name: 'AEGIS_ADMIN_TOKEN',
      role: 'admin',
      // sha256 of "a-long-enough-token"
      sha256: gateway.admin.tokens[0]?.sha256,
    },
  ])
  assert.match(gateway.admin.tokens[0]?.sha256 ?? '', /^[0-9a-f]{64}$/)
  assert.ok(!JSON.stringify(gateway).includes('a-long-enough-token'))
})

test('a port of the environment that clashes is refused', () => {
  const problems = problemsOf(goodFiles(), { overrides: { port: 3001 } })
  assert.match(problems.join(), /both want port 3001/)
})
