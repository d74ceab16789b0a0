// Benign requests of the shapes that issue 6 names. Nothing in them may score.

export interface BenignRequest {
  readonly name: string
  readonly method: string
  readonly uri: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Uint8Array
}

const browser = [
  ['Host', 'shop.example.com'],
  [
    'User-Agent',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36',
  ],
  ['Accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'],
  ['Accept-Language', 'en-US,en;q=0.5'],
  ['Accept-Encoding', 'gzip, deflate, br'],
  ['Connection', 'keep-alive'],
  ['Referer', 'https://shop.example.com/catalogue/shoes'],
] as const

const bearer = [
  'Authorization',
  'Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImExYjIifQ.eyJzdWIiOiIxMjM0NTY3ODkwIiwidGVuYW50X2lkIjoiYWNtZSIsInJvbGVzIjpbIm1lbWJlciJdLCJpYXQiOjE3MzAwMDAwMDAsImV4cCI6MTczMDAwMzYwMH0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbi1pcy1ub3QtY2hlY2tlZC1oZXJlLWJ1dC1sb25nLWVub3VnaA',
] as const

function withBody(type: string, text: string): { headers: BenignRequest['headers']; body: Uint8Array } {
  const body = Buffer.from(text)
  return {
    headers: [...browser, bearer, ['Content-Type', type], ['Content-Length', String(body.length)]],
    body,
  }
}

function order(lines: number): string {
  const items = Array.from({ length: lines }, (_, i) => ({
    sku: `AB-${1000 + i}`,
    title: `Running shoe model ${i}, blue`,
    quantity: (i % 4) + 1,
    price: 49.95 + i,
    options: { size: '42', giftWrap: i % 2 === 0 },
  }))
  return JSON.stringify({
    customer: 'c-20311',
    currency: 'EUR',
    note: 'Please leave the parcel at the door',
    items,
  })
}

const form =
  'firstName=Maria&lastName=Lindgren&street=Storgatan+12&city=Uppsala&zip=75331&country=SE&email=maria.lindgren%40example.com' +
  '&phone=%2B46701234567&newsletter=on&comment=Thanks+for+the+quick+delivery+last+time'

const none = new Uint8Array()

export const benignRequests: readonly BenignRequest[] = [
  {
    name: 'slim GET',
    method: 'GET',
    uri: '/api/items',
    headers: [
      ['Host', 'api.example.com'],
      ['User-Agent', 'okhttp/4.12.0'],
      ['Accept', 'application/json'],
    ],
    body: none,
  },
  {
    name: 'browser GET',
    method: 'GET',
    uri: '/catalogue/search?q=running+shoes&page=2&sort=price_asc',
    headers: [...browser, bearer],
    body: none,
  },
  { name: 'JSON 1 KB', method: 'POST', uri: '/api/orders', ...withBody('application/json', order(7)) },
  { name: 'JSON 10 KB', method: 'POST', uri: '/api/orders', ...withBody('application/json', order(82)) },
  {
    name: 'form',
    method: 'POST',
    uri: '/account/address',
    ...withBody('application/x-www-form-urlencoded', form),
  },
]
