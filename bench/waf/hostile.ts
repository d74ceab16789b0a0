// How long hostile input holds the event loop: runs of one character, repeated near misses, nested quotes, 8 to 128 KB, in a
// form, a JSON body and a header. node bench/waf/hostile.ts [paranoia level] [budget in ms, 0 for none]

import type { Waf } from '../../plugins/waf/seclang/waf.ts'
import { loadWaf } from './rules.ts'

const units = [
  ...'\n\r\t <>\'"`a0/\\%(){}[];:=&*-.,@!#$^|~_?+\x80\xff\0',
  ...[
    'a ',
    '../',
    '..\\',
    '%25',
    '&#',
    '\\u00',
    '"\'',
    '((',
    "' or ",
    'union ',
    'select ',
    'select(',
    'on=',
    '<a ',
    '</',
    '/*',
    '--',
    '{{',
    '${',
    '$(',
    '`a`',
    'a=b;',
    'a,',
    'x:',
    '@@',
    'json.',
    '0x',
    '1.',
    'e1',
    '<!--',
    '\r\nset-cookie:',
    'javascript',
    'like ',
    'and 1=1 ',
    'cat ',
    ';ls ',
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaa!',
    'é',
    'if(',
    'exec ',
  ],
]
const sizes = [8, 32, 128]

type Shape = readonly [name: string, run: (waf: Waf, text: string, budgetMs: number) => boolean]

function transact(
  waf: Waf,
  headers: readonly (readonly [string, string])[],
  body: string,
  budgetMs: number,
): boolean {
  const transaction = waf.createTransaction(budgetMs > 0 ? { budgetMs } : {})
  transaction.processConnection({
    clientAddress: '192.0.2.7',
    clientPort: 4711,
    serverAddress: '192.0.2.1',
    serverPort: 80,
  })
  transaction.processUri('POST', '/x', 'HTTP/1.1')
  transaction.processRequestHeaders([
    ['Host', 'a.example'],
    ['User-Agent', 'x'],
    ['Accept', '*/*'],
    ...headers,
  ])
  transaction.processRequestBody(Buffer.from(body, 'latin1'))
  transaction.processLogging()
  return transaction.budgetSpent
}

const shapes: readonly Shape[] = [
  [
    'form',
    (waf, text, budgetMs) => {
      const escaped = text.replace(
        /[^a-z0-9]/gi,
        (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
      )
      return transact(waf, [['Content-Type', 'application/x-www-form-urlencoded']], `q=${escaped}`, budgetMs)
    },
  ],
  [
    'json',
    (waf, text, budgetMs) =>
      transact(waf, [['Content-Type', 'application/json']], JSON.stringify({ q: text }), budgetMs),
  ],
  [
    'many',
    (waf, text, budgetMs) => {
      const pairs: string[] = []
      for (let at = 0; at < text.length && pairs.length < 1000; at += 8) {
        pairs.push(`a${at}=${encodeURIComponent(text.slice(at, at + 8))}`)
      }
      return transact(waf, [['Content-Type', 'application/x-www-form-urlencoded']], pairs.join('&'), budgetMs)
    },
  ],
  [
    'header',
    (waf, text, budgetMs) =>
      transact(
        waf,
        [
          ['Cookie', `a=${text.slice(0, 16384)}`],
          ['Referer', text.slice(0, 16384)],
        ],
        '',
        budgetMs,
      ),
  ],
]

const level = process.argv[2] ?? '1'
const budgetMs = Number(process.argv[3] ?? 0)
const waf = await loadWaf(level)
for (const size of sizes) {
  const times: { ms: number; what: string; spent: boolean }[] = []
  for (const unit of units) {
    const text = unit.repeat(Math.ceil((size * 1024) / unit.length)).slice(0, size * 1024)
    for (const [name, run] of shapes) {
      const started = process.cpuUsage()
      const spent = run(waf, text, budgetMs)
      const { user, system } = process.cpuUsage(started)
      times.push({ ms: (user + system) / 1000, what: `${name} ${JSON.stringify(unit)}`, spent })
    }
  }
  times.sort((a, b) => b.ms - a.ms)
  const worst = times
    .slice(0, 6)
    .map(({ ms, what, spent }) => `${ms.toFixed(1)} ms ${what}${spent ? ' (budget)' : ''}`)
  const median = times[times.length >> 1]?.ms.toFixed(1)
  console.log(`${size} KB: median ${median} ms, worst ${worst.join(', ')}`)
}
