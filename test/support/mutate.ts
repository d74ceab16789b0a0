// Bytes of HTTP, a little wrong: for differential tests and the fuzzer.
import type { Random } from './random.ts'

const characters = [
  '\r',
  '\n',
  '\r\n',
  '\0',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '"',
  '\x7f',
  '\x80',
  '\xff',
  '\x0b',
  '\x0c',
]
const inserts = [
  ...characters,
  ...['0', '5', 'a', '-', '+', '/', '?', '#', '%', '\\', '_'],
  ...[
    'Content-Length: 5\r\n',
    'Content-Length: 0\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Connection: close\r\n',
  ],
  ...[
    'Content-Length : 5\r\n',
    'content_length: 5\r\n',
    'Transfer-Encoding: identity\r\n',
    'TE: trailers\r\n',
  ],
  ...['Expect: 100-continue\r\n', 'Host: b\r\n', 'Upgrade: h2c\r\n', '__proto__: x\r\n', ' folded\r\n'],
  ...[
    ' \r\n',
    '\r\n\r\n',
    '\n\n',
    '0\r\n\r\n',
    '5\r\n',
    ';a=b',
    ';a="',
    'gzip, ',
    ', chunked',
    'ffffffff\r\n',
  ],
  ...[
    'HTTP/1.1 200 OK\r\n',
    'HTTP/1.1 100 Go\r\n\r\n',
    'GET / HTTP/1.1\r\n',
    'HTTP/1.0',
    'HTTP/2.0',
    'HEAD',
    'x',
  ],
]

/** One or two small changes (latin1). */
export function mutate(text: string, random: Random): string {
  let out = text
  for (let i = 1 + random.int(2); i > 0; i--) {
    const at = random.int(out.length + 1)
    const rest = at + random.int(4)
    const kind = random.int(6)
    if (kind === 0) out = out.slice(0, at) + random.pick(inserts) + out.slice(at)
    else if (kind === 1) out = out.slice(0, at) + random.pick(inserts) + out.slice(at + 1)
    else if (kind === 2) out = out.slice(0, at) + out.slice(rest)
    else if (kind === 3) out = out.slice(0, rest) + out.slice(at, rest) + out.slice(rest)
    else if (kind === 4) out = out.slice(0, at) + String.fromCharCode(random.int(256)) + out.slice(at + 1)
    else out = insertAtLine(out, random)
  }
  return out
}

/** At the beginning of a line, where headers, sizes and folds begin. */
function insertAtLine(text: string, random: Random): string {
  const starts = [0, ...[...text.matchAll(/\r\n/g)].map(({ index }) => index + 2)]
  const at = random.pick(starts)
  return text.slice(0, at) + random.pick(inserts) + text.slice(at)
}
