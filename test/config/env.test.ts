import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { readEnvironment, UsageError, usage } from '../../config/env.ts'

test('without flags and variables everything has its default', () => {
  const environment = readEnvironment([], {})
  assert.deepEqual(
    { ...environment, variables: { ...environment.variables } },
    {
      configDir: resolve('config'),
      check: false,
      help: false,
      overrides: {},
      variables: {},
    },
  )
})

const dirs: [argv: string[], env: Record<string, string>, dir: string][] = [
  [['--config', '/a'], {}, '/a'],
  [['--config=/a'], {}, '/a'],
  [['--config', 'rel/b'], {}, resolve('rel/b')],
  [[], { AEGIS_CONFIG_DIR: '/c' }, '/c'],
  [['--config', '/a'], { AEGIS_CONFIG_DIR: '/c' }, '/a'],
  [[], { AEGIS_CONFIG_DIR: '' }, resolve('config')],
]
for (const [argv, env, dir] of dirs) {
  test(`the config directory of ${JSON.stringify([argv, env])} is ${dir}`, () => {
    assert.equal(readEnvironment(argv, env).configDir, dir)
  })
}

test('reads all variables, and gives every one to placeholders', () => {
  const env = {
    AEGIS_PORT: '8080',
    API_GATEWAY_PORT: '1',
    AEGIS_ADMIN_PORT: '0',
    AEGIS_WORKERS: '4',
    AEGIS_ADMIN_TOKEN: 'x'.repeat(16),
    AEGIS_STATE_DIR: '/state',
    JWT_SECRET: 'y',
    OTHER: 'z',
    UNSET: undefined,
  }
  const { overrides, variables, check } = readEnvironment(['--check'], env)
  assert.deepEqual(overrides, {
    port: 8080,
    adminPort: 0,
    workers: 4,
    adminToken: 'x'.repeat(16),
    jwtSecret: 'y',
    stateDir: '/state',
  })
  assert.equal(variables.OTHER, 'z')
  assert.equal('UNSET' in variables, false)
  assert.equal('toString' in variables, false)
  assert.equal(check, true)
})

test('API_GATEWAY_PORT is another name of AEGIS_PORT', () => {
  assert.equal(readEnvironment([], { API_GATEWAY_PORT: '9000' }).overrides.port, 9000)
})

test('workers can be auto', () =>
  assert.equal(readEnvironment([], { AEGIS_WORKERS: 'auto' }).overrides.workers, 'auto'))

const refused: [argv: string[], env: Record<string, string>, message: RegExp][] = [
  [
    ['--confg', 'x'],
    {},
    /Unknown flag "--confg"\. Known flags: --config DIR, --check, --help\.\nUnknown flag "x"/,
  ],
  [['--check=1'], {}, /Unknown flag "--check=1"/],
  [['--config'], {}, /--config needs a directory/],
  [['--config='], {}, /--config needs a directory/],
  [['--config', '--check'], {}, /^--config needs a directory: --config DIR\.$/],
  [[], { AEGIS_PORT: '80a' }, /AEGIS_PORT must be a whole number from 0 to 65535; found "80a"/],
  [[], { AEGIS_PORT: '65536' }, /AEGIS_PORT must be/],
  [[], { AEGIS_PORT: '-1' }, /AEGIS_PORT must be/],
  [[], { AEGIS_PORT: ' 80' }, /AEGIS_PORT must be/],
  [[], { API_GATEWAY_PORT: '1e3' }, /API_GATEWAY_PORT must be/],
  [[], { AEGIS_ADMIN_PORT: 'x' }, /AEGIS_ADMIN_PORT must be/],
  [[], { AEGIS_WORKERS: '0' }, /AEGIS_WORKERS must be a whole number from 1 to 64; found "0"/],
  [[], { AEGIS_ADMIN_TOKEN: 'short' }, /AEGIS_ADMIN_TOKEN must have at least 16 characters/],
]
for (const [argv, env, message] of refused) {
  test(`refuses ${JSON.stringify([argv, env])}`, () => {
    assert.throws(
      () => readEnvironment(argv, env),
      (error) =>
        error instanceof UsageError && message.test(error.message) && !error.message.includes('short'),
    )
  })
}

test('names everything that is wrong at once', () => {
  assert.throws(
    () => readEnvironment(['-x'], { AEGIS_PORT: 'a', AEGIS_WORKERS: 'b' }),
    (error) => {
      assert.ok(error instanceof UsageError)
      assert.equal(error.message.split('\n').length, 3)
      return true
    },
  )
})

test('the help names every flag and variable', () => {
  for (const word of [
    '--config',
    '--check',
    'AEGIS_CONFIG_DIR',
    'AEGIS_PORT',
    'API_GATEWAY_PORT',
    'AEGIS_ADMIN_PORT',
    'AEGIS_WORKERS',
    'AEGIS_ADMIN_TOKEN',
    'AEGIS_STATE_DIR',
    'JWT_SECRET',
  ]) {
    assert.ok(usage.includes(word), word)
  }
  assert.equal(readEnvironment(['--help'], {}).help, true)
})
