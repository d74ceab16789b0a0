// What a connection of HTTP/2 keeps account of: windows, streams, and what a client makes the gateway do.
import type { Mutant } from '../mutant.ts'

const folder = 'gateway/dataplane/http2'
const connection = ['test/gateway/dataplane/http2/connection.test.ts']
const limits = ['test/gateway/dataplane/http2/limits.test.ts']
const accounts = ['test/gateway/dataplane/http2/accounts.test.ts']
const end = ['test/gateway/dataplane/http2/connection-end.test.ts']
const hpack = ['test/gateway/dataplane/http2/hpack.test.ts']

type Row = readonly [rule: string, find: string, replace: string, tests: readonly string[]]

const rows: Readonly<Record<string, readonly Row[]>> = {
  'inbound.ts': [
    [
      'GOAWAY counts',
      "throw missized('GOAWAY')\n        this.#guard.onEmptyFrame()",
      "throw missized('GOAWAY')",
      limits,
    ],
    [
      'a SETTINGS frame changes the windows once',
      'if (name === Setting.initialWindowSize) window = value',
      'if (name === Setting.initialWindowSize) this.#sink.onFirstWindow(value)',
      accounts,
    ],
    ['nothing behind our GOAWAY is heard', 'if (this.#stopped) return', '', end],
  ],
  'flood-guard.ts': [
    [
      'DATA of what we ended costs nothing only as far as its window allowed',
      'bytes > this.#excused',
      'bytes < 0',
      accounts,
    ],
  ],
  'connection.ts': [
    [
      'DATA that was on its way when we ended its request costs nothing',
      'if (!stream.received) this.#guard.excuse(stream.body.window)',
      '',
      accounts,
    ],
    [
      'DATA of what its client cancelled costs',
      '    stream.received = true\n    stream.onGone()',
      '    stream.onGone()',
      limits,
    ],
    [
      'an answer that the client has is not under way',
      'if (!stream.finished) open += 1',
      'open += 1',
      accounts,
    ],
    [
      'answers that have not gone do not pile up',
      'return open >= streams || this.#streams.size >= 2 * streams',
      'return open >= streams',
      accounts,
    ],
    [
      'a new first window costs an update of each stream',
      '      this.#guard.onEmptyFrame()\n      if (!stream.widen(more))',
      '      if (!stream.widen(more))',
      accounts,
    ],
    [
      'a stream that the client makes us reset counts as cancelled (CVE-2025-8671)',
      '    stream.reset(code)\n    this.#guard.onSpoiled()',
      '    stream.reset(code)\n    this.#guard.onMalformed()',
      accounts,
    ],
    [
      'a body that is longer than it said counts as cancelled',
      'this.#giveRoom(bytes.length)\n      this.#guard.onSpoiled()',
      'this.#giveRoom(bytes.length)\n      this.#guard.onMalformed()',
      accounts,
    ],
    [
      'a body that is shorter than it said counts as cancelled',
      'if (ended && !stream.onEnd(null)) this.#guard.onSpoiled()',
      'if (ended && !stream.onEnd(null)) this.#guard.onMalformed()',
      accounts,
    ],
    [
      'trailers that are none count as cancelled',
      "refuse('The trailers of the request are not valid.')\n      this.#guard.onSpoiled()",
      "refuse('The trailers of the request are not valid.')\n      this.#guard.onMalformed()",
      accounts,
    ],
    ['a refusal pays nothing back', 'if (stream.answered && !stream.deaf)', 'if (stream.answered)', accounts],
    [
      'the window gets back the bytes of a body that is longer than it said',
      'this.#giveRoom(bytes.length)\n      this.#guard.onSpoiled()',
      'this.#guard.onSpoiled()',
      accounts,
    ],
    [
      'the window gets back the bytes that a stream may not send',
      '      this.#giveRoom(room)\n      return this.#spoil',
      '      return this.#spoil',
      accounts,
    ],
    [
      'header blocks of what was refused count',
      'stream.received = ended\n      this.#guard.onEmptyFrame()',
      'stream.received = ended',
      limits,
    ],
    ['even numbers are of no stream', 'return id % 2 === 0 || (', 'return (', connection],
    [
      'each unfinished head has its own time',
      '(!inHead || units === this.#timedUnit)',
      'units >= 0',
      accounts,
    ],
    [
      'a connection that ends by an unfinished head ends its requests',
      "return this.#cut(Code.noError, 'late')",
      "return this.#finish(Code.noError, 'late')",
      end,
    ],
  ],
  'huffman.ts': [
    [
      'a decoded string takes no more memory than its bytes',
      "text.toString('latin1', 0, length)",
      "[...text.subarray(0, length)].reduce((sum, byte) => sum + String.fromCharCode(byte), '')",
      hpack,
    ],
  ],
}

export const http2AccountMutants: readonly Mutant[] = Object.entries(rows).flatMap(([file, list]) =>
  list.map(([rule, find, replace, tests]) => ({
    rule: `HTTP/2: ${rule}`,
    file: `${folder}/${file}`,
    find,
    replace,
    tests,
  })),
)
