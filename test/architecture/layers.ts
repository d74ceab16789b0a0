// Who may import whom, and which library is used where: docs/decisions/ and CONTRIBUTING.md explain, this table decides.

export interface Layer {
  readonly name: string
  /** Matches the paths of the layer's files; the first layer that matches is the file's. */
  readonly files: RegExp
  /** What its files may import of ours, besides themselves. `$1` is the first group of `files`. */
  readonly mayImport: readonly string[]
  /** Packages; `node:*` stands for every built-in module. */
  readonly libraries: readonly string[]
}

const contract = '^gateway/contract/'
const builtins = 'node:*'

export const layers: readonly Layer[] = [
  { name: 'contract', files: /^gateway\/contract\//, mayImport: [contract], libraries: ['typebox'] },
  {
    name: 'data plane',
    files: /^gateway\/dataplane\//,
    mayImport: ['^gateway/dataplane/', contract],
    libraries: [builtins, 'undici', 'lru-cache', 'pino', 'prom-client'],
  },
  {
    name: 'shared state',
    files: /^gateway\/shared-state\//,
    mayImport: ['^gateway/shared-state/', contract],
    libraries: [builtins, 'lru-cache', 'ioredis'],
  },
  {
    name: 'control plane',
    files: /^gateway\/control\//,
    mayImport: ['^gateway/control/', '^gateway/shared-state/', '^config/', contract],
    libraries: [builtins, 'undici', 'pino', 'prom-client', 'consul'],
  },
  {
    name: 'main thread entry',
    files: /^gateway\/(main|start)\.ts$/,
    mayImport: ['^gateway/(?!dataplane/|worker\\.ts)', '^config/', '^admin/', '^plugins/', '^examples/'],
    libraries: [builtins, 'pino', 'prom-client'],
  },
  {
    name: 'worker entry',
    files: /^gateway\/worker\.ts$/,
    mayImport: ['^gateway/(?!control/|main\\.ts)', '^config/', '^plugins/'],
    libraries: [builtins, 'prom-client'],
  },
  {
    name: 'config',
    files: /^config\//,
    mayImport: ['^config/', contract],
    libraries: [builtins, 'typebox', 'ajv'],
  },
  {
    name: 'admin',
    files: /^admin\//,
    mayImport: ['^admin/', contract],
    libraries: [
      builtins,
      'fastify',
      '@fastify/swagger',
      '@fastify/swagger-ui',
      '@fastify/type-provider-typebox',
      'typebox',
      'ajv',
    ],
  },
  {
    name: 'plugin registry',
    files: /^plugins\/registry\.ts$/,
    mayImport: ['^plugins/[a-z0-9-]+/index\\.ts$', contract],
    libraries: [],
  },
  {
    name: 'plugin',
    files: /^plugins\/([a-z0-9-]+)\//,
    mayImport: ['^plugins/$1/', contract],
    libraries: [builtins, 'typebox', 'jose', 'lru-cache'],
  },
  {
    name: 'example',
    files: /^(?:docs\/)?examples\//,
    mayImport: ['^(docs/)?examples/', contract],
    libraries: [builtins, 'typebox', 'jose'],
  },
  {
    name: 'test',
    files: /^test\//,
    mayImport: [''],
    libraries: [
      builtins,
      'undici',
      'ws',
      '@grpc/grpc-js',
      'jose',
      'typebox',
      'ajv',
      'fastify',
      'lru-cache',
      'pino',
      'ioredis',
    ],
  },
  {
    name: 'bench',
    files: /^bench\//,
    mayImport: ['^(?!test/)'],
    libraries: [builtins, 'undici', 'http-proxy-3', 'fastify', '@fastify/http-proxy'],
  },
]

export function layerOf(path: string): Layer | undefined {
  return layers.find((layer) => layer.files.test(path))
}

/** True when a file of `layer` at `path` may import `target`. */
export function mayImport(layer: Layer, path: string, target: string): boolean {
  const group = layer.files.exec(path)?.[1] ?? ''
  return layer.mayImport.some((pattern) => new RegExp(pattern.replaceAll('$1', group)).test(target))
}

export function mayUse(layer: Layer, library: string): boolean {
  return layer.libraries.includes(library.startsWith('node:') ? builtins : library)
}
