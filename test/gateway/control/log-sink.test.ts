import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { LogConfig } from '../../../gateway/contract/snapshot.ts'
import { createLogSink } from '../../../gateway/control/log-sink.ts'

function setUp(t: TestContext, over: Partial<LogConfig> = {}, limitBytes?: number) {
  const dir = mkdtempSync(join(tmpdir(), 'aegis-log-'))
  const file = join(dir, 'logs', 'aegis.log')
  const stdout = join(dir, 'stdout')
  const stdoutFd = openSync(stdout, 'a')
  const config: LogConfig = {
    level: 'info',
    access: 'stdout',
    file,
    rotateBytes: 1_000_000,
    rotateKeep: 3,
    ...over,
  }
  const sink = createLogSink(config, { stdoutFd, ...(limitBytes === undefined ? {} : { limitBytes }) })
  t.after(() => {
    closeSync(stdoutFd)
    rmSync(dir, { recursive: true, force: true })
  })
  return { dir, file, sink, stdoutText: () => readFileSync(stdout, 'utf8') }
}

const textOf = (path: string) => readFileSync(path, 'utf8')

test('access and system lines go to standard output and to the file', async (t) => {
  const { sink, file, stdoutText } = setUp(t)
  sink.write('access', Buffer.from('{"a":1}\n{"a":2}\n'))
  sink.logger.info({ version: 3 }, 'config is live')
  await sink.close()
  for (const text of [stdoutText(), textOf(file)]) {
    const lines = text.trimEnd().split('\n')
    assert.deepEqual(lines.slice(0, 2), ['{"a":1}', '{"a":2}'])
    assert.equal(JSON.parse(lines[2] ?? '').msg, 'config is live')
  }
})

test('with access off the access lines go to the file only', async (t) => {
  const { sink, file, stdoutText } = setUp(t, { access: 'off' })
  sink.write('access', Buffer.from('{"a":1}\n'))
  sink.write('system', Buffer.from('{"b":1}\n'))
  await sink.close()
  assert.equal(stdoutText(), '{"b":1}\n')
  assert.equal(textOf(file), '{"a":1}\n{"b":1}\n')
})

test('without a file nothing is written beside standard output', async (t) => {
  const { sink, dir, stdoutText } = setUp(t, { file: null })
  sink.write('access', Buffer.from('{"a":1}\n'))
  await sink.close()
  assert.equal(stdoutText(), '{"a":1}\n')
  assert.deepEqual(readdirSync(dir), ['stdout'])
})

test('the file keeps its name, rotated ones are numbered and the oldest go', async (t) => {
  const { sink, dir, file } = setUp(t, { rotateBytes: 30, rotateKeep: 2 })
  for (let i = 1; i <= 9; i += 1) sink.write('system', Buffer.from(`{"line":${i},"x":"y"}\n`))
  await sink.close()
  assert.deepEqual(readdirSync(join(dir, 'logs')).sort(), ['aegis.log', 'aegis.log.1', 'aegis.log.2'])
  const numbers = [`${file}.2`, `${file}.1`, file].map((path) => JSON.parse(textOf(path)).line)
  assert.deepEqual(numbers, [7, 8, 9])
})

test('a restart goes on in the same file and counts what is in it', async (t) => {
  const { sink, file } = setUp(t, { rotateBytes: 30, rotateKeep: 2 })
  sink.write('system', Buffer.from('{"first":"run 12345"}\n'))
  await sink.close()
  const again = setUp(t, { file, rotateBytes: 30, rotateKeep: 2 })
  again.sink.write('system', Buffer.from('{"second":"run 1234"}\n'))
  await again.sink.close()
  assert.equal(textOf(`${file}.1`), '{"first":"run 12345"}\n')
  assert.equal(textOf(file), '{"second":"run 1234"}\n')
})

test('a file moved away by somebody else is begun anew', async (t) => {
  const { sink, file } = setUp(t)
  sink.write('system', Buffer.from('{"n":1}\n'))
  await until(() => existsSync(file) && textOf(file) !== '')
  renameSync(file, `${file}.moved`)
  sink.write('system', Buffer.from('{"n":2}\n'))
  await sink.close()
  assert.equal(textOf(file), '{"n":2}\n')
})

test('others cannot read the log file', async (t) => {
  const { sink, file } = setUp(t)
  sink.write('system', Buffer.from('{"n":1}\n'))
  await sink.close()
  assert.equal(statSync(file).mode & 0o007, 0)
})

test('an unwritable file is warned of once, counted, and used again when it can be', async (t) => {
  const { sink, file, stdoutText } = setUp(t)
  mkdirSync(file, { recursive: true })
  for (let i = 0; i < 5; i += 1) {
    sink.write('access', Buffer.from('{"n":1}\n'))
    await until(() => sink.lost().file > i)
  }
  await until(() => stdoutText().includes('cannot be written'))
  // The warning is itself a line that the file cannot take: with it all five are known to be lost.
  await until(() => sink.lost().file > 5)
  rmSync(file, { recursive: true })
  sink.write('access', Buffer.from('{"n":"last"}\n'))
  await until(() => existsSync(file) && textOf(file).includes('reach'))
  await sink.close()
  assert.match(textOf(file), /^\{"n":"last"\}\n/)
  assert.equal(stdoutText().match(/cannot be written/g)?.length, 1)
  assert.match(stdoutText(), /"reason":"EISDIR/)
  assert.equal(stdoutText().match(/"n":1/g)?.length, 5, 'standard output goes on')
  assert.equal(sink.lost().stdout, 0)
})

test('a full disk costs lines and nothing else', async (t) => {
  if (!existsSync('/dev/full')) return t.skip('this system has no /dev/full')
  const { sink, stdoutText } = setUp(t, { file: '/dev/full' })
  sink.write('access', Buffer.from('{"n":1}\n'))
  await until(() => sink.lost().file > 0)
  await until(() => stdoutText().includes('ENOSPC'))
  await sink.close()
})

/** A named pipe that nobody reads yet; `stdoutFd` holds it open. */
function createPipe(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), 'aegis-log-'))
  const path = join(dir, 'pipe')
  assert.equal(spawnSync('mkfifo', [path]).status, 0)
  // Opened for both, so that opening does not wait for a reader.
  const stdoutFd = openSync(path, constants.O_RDWR)
  const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  t.after(() => {
    closeSync(stdoutFd)
    closeSync(readFd)
    rmSync(dir, { recursive: true, force: true })
  })
  const buffer = Buffer.alloc(65_536)
  function readSome(): string {
    try {
      return buffer.toString('latin1', 0, readSync(readFd, buffer))
    } catch {
      return ''
    }
  }
  return { stdoutFd, readSome }
}

const stdoutOnly: LogConfig = { level: 'info', access: 'stdout', file: null, rotateBytes: 1, rotateKeep: 1 }

test('a reader of standard output that stops costs lines, not memory or time', async (t) => {
  const { stdoutFd, readSome } = createPipe(t)
  const sink = createLogSink(stdoutOnly, { stdoutFd, limitBytes: 200_000 })
  const line = `{"n":"${'x'.repeat(990)}"}\n`
  for (let i = 0; i < 1000; i += 1) sink.write('access', Buffer.from(line))
  assert.ok(sink.lost().stdout >= 700, `${sink.lost().stdout} lines lost`)
  let text = ''
  await until(() => {
    text += readSome()
    return text.includes('reach standard output again')
  })
  await sink.close()
  assert.ok(text.startsWith(line))
  const again = JSON.parse(text.trimEnd().split('\n').at(-1) ?? '')
  assert.equal(again.lines_lost, sink.lost().stdout)
})

test('a process whose output nobody reads can still end', { timeout: 10_000 }, async (t) => {
  const { stdoutFd } = createPipe(t)
  const script = `
    import { createLogSink } from '${new URL('../../../gateway/control/log-sink.ts', import.meta.url)}'
    const sink = createLogSink(${JSON.stringify(stdoutOnly)})
    for (let i = 0; i < 300; i += 1) sink.write('access', Buffer.from('"' + 'x'.repeat(1000) + '"\\n'))
    setTimeout(() => process.exit(7), 50)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', stdoutFd, 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  assert.deepEqual(await once(child, 'exit'), [7, null])
})

test('follows lines as they come and remembers the newest', async (t) => {
  const { sink } = setUp(t)
  sink.write('system', Buffer.from('{"n":0}\n'))
  const seen: string[] = []
  const stop = sink.follow((line) => void seen.push(line))
  sink.follow(() => {
    throw new Error('a watcher that fails')
  })
  sink.write('access', Buffer.from('{"n":1}\n{"n":2}\n'))
  stop()
  sink.write('access', Buffer.from('{"n":3}\n'))
  assert.deepEqual(seen, ['{"n":1}', '{"n":2}'])
  assert.deepEqual(sink.recent(), ['{"n":0}', '{"n":1}', '{"n":2}', '{"n":3}'])
  await sink.close()
})

test('the memory of recent lines is bounded', async (t) => {
  const { sink } = setUp(t, { file: null, access: 'off' })
  for (let i = 0; i < 5000; i += 1) sink.write('access', Buffer.from(`{"n":${i}}\n`))
  assert.equal(sink.recent().length, 1000)
  assert.equal(sink.recent().at(-1), '{"n":4999}')
  const long = `"${'x'.repeat(60_000)}"\n`
  for (let i = 0; i < 100; i += 1) sink.write('access', Buffer.from(long))
  assert.ok(sink.recent().length <= 9)
  await sink.close()
})

test('the logger cannot be made to write a second line', async (t) => {
  const { sink, stdoutText } = setUp(t)
  sink.logger.warn({ by: 'a\nb\u2028c\u0085' }, 'x\n{"level":30}')
  await sink.close()
  assert.match(stdoutText(), /^[\x20-\x7e]+\n$/)
})

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000
  while (!condition()) {
    assert.ok(performance.now() < deadline, 'the deadline passed')
    await nextTurn()
  }
}
