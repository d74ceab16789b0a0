// First requests make the patterns that they need; that takes tens of milliseconds, which no client's budget should pay.
// Worker thread; called once the rules are built.
import type { Engine } from './engine.ts'

const text =
  'The quick brown fox jumps over the lazy dog; it costs 5 dollars (or so), 100% - see /docs?a=b#c.'
const usual = [
  ['Host', 'www.example.com'],
  ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'],
  ['Accept', 'text/html,application/json;q=0.9,*/*;q=0.8'],
  ['Accept-Language', 'en-GB,en;q=0.5'],
  ['Accept-Encoding', 'gzip, deflate, br'],
  ['Cookie', 'session=0190b6c4-0000-7000-8000-000000000001; theme=dark'],
  ['Authorization', 'Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl'],
] as const

const bodies = [
  ['', ''],
  ['application/json', JSON.stringify({ name: 'Ada', items: [{ id: 1, text, price: 1.5, ok: true }] })],
  [
    'application/x-www-form-urlencoded',
    `name=Ada+Lovelace&text=${encodeURIComponent(text)}&mail=a%40b.example`,
  ],
] as const

/** One request a turn of the event loop. */
export async function warmUp({ waf }: Engine): Promise<void> {
  for (const [type, body] of bodies) {
    await new Promise<void>((resolve) => setImmediate(resolve))
    const transaction = waf.createTransaction({ mode: 'DetectionOnly' })
    transaction.processConnection({
      clientAddress: '192.0.2.1',
      clientPort: 0,
      serverAddress: '',
      serverPort: 0,
    })
    transaction.processUri(
      body === '' ? 'GET' : 'POST',
      '/items/1?q=red+shoes&sort=-price&page=2',
      'HTTP/1.1',
    )
    transaction.processRequestHeaders(body === '' ? usual : [...usual, ['Content-Type', type]])
    transaction.processRequestBody(Buffer.from(body))
    transaction.processLogging()
  }
}
