import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'

const root = join(import.meta.dirname, '../..')

function run(command: string, args: readonly string[]): { status: number | null; text: string } {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: 'utf8' })
  if (error !== undefined) throw error
  return { status, text: `${stdout}${stderr}` }
}

function createFolder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'aegis-deploy-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

function makeSecrets(dir: string): string {
  const secrets = join(dir, 'secrets')
  const made = run('sh', ['deploy/make-secrets.sh', secrets])
  assert.equal(made.status, 0, made.text)
  return secrets
}

test('Docker Compose accepts docker-compose.yml and sees all services', () => {
  const plugin = spawnSync('sh', ['-c', 'docker compose version'], { stdio: 'ignore' }).status === 0
  const [command, ...first] = plugin ? ['docker', 'compose'] : ['docker-compose']
  const services = run(command as string, [...first, 'config', '--services'])
  assert.equal(services.status, 0, services.text)
  const named = services.text.trim().split('\n').sort()
  assert.deepEqual(named, ['consul', 'gateway', 'grafana', 'prometheus', 'redis', 'sample-backend'])
})

test('every file that docker-compose.yml and the Dockerfile name is there', () => {
  const compose = readFileSync(join(root, 'docker-compose.yml'), 'utf8')
  const mounted = [...compose.matchAll(/\.\/(deploy\/[a-z/-]+)(?=:|$)/gm)].map((match) => match[1] as string)
  const dockerfile = readFileSync(join(root, 'deploy/Dockerfile'), 'utf8')
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap((match) =>
    (match[1] as string).split(' '),
  )
  assert.ok(mounted.length >= 4 && copied.length >= 7)
  for (const path of [...mounted, ...copied]) assert.ok(existsSync(join(root, path)), path)
  const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n')
  for (const path of copied) assert.ok(ignored.includes(`!${path}`), `.dockerignore lets ${path} through`)
})

test('only the public port is open to other machines', () => {
  const compose = readFileSync(join(root, 'docker-compose.yml'), 'utf8')
  const ports = [...compose.matchAll(/^ {6}- "([\d.:]+)"$/gm)].map((match) => match[1] as string)
  assert.deepEqual(
    ports.filter((port) => !port.startsWith('127.0.0.1:')),
    ['8000:8000'],
  )
})

test('the secrets are random, made once, and kept out of git', (t) => {
  const secrets = makeSecrets(createFolder(t))
  const read = () =>
    readdirSync(secrets).map((name) => [name, readFileSync(join(secrets, name), 'utf8')] as const)
  const first = read()
  assert.equal(statSync(secrets).mode & 0o077, 0)
  for (const [name, text] of first) assert.match(text, /^[0-9a-f]{64}$/, name)
  assert.equal(new Set(first.map(([, text]) => text)).size, first.length)
  makeSecrets(join(secrets, '..'))
  assert.deepEqual(read(), first)
  const ignored = readFileSync(join(root, 'deploy/secrets/.gitignore'), 'utf8').split('\n')
  assert.equal(ignored[0], '*', 'git ignores them')
})

test('the config of the composed gateway is a good one', (t) => {
  const dir = createFolder(t)
  const secrets = makeSecrets(dir)
  cpSync(join(root, 'deploy/config'), join(dir, 'config'), { recursive: true })
  for (const file of ['gateway.json', 'plugins.json']) {
    const path = join(dir, 'config', file)
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll('/run/secrets/', `${secrets}/`))
  }
  const checked = run(process.execPath, ['gateway/main.ts', '--check', '--config', join(dir, 'config')])
  assert.equal(checked.status, 0, checked.text)
})
